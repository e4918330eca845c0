"""The tables of docs/training.md and docs/training-xtts.md are what the plan says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from vivavoce.audio.specs import VOCOS_24K, XTTS_LATENTS
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.f5.train import F5Task
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.train import XttsTask
from vivavoce.nn.task import Task
from vivavoce.runtime.memory import bucket_length
from vivavoce.train import recipe as recipes
from vivavoce.train.plan import Load, MemoryPlan, plan

ROOT = Path(__file__).parents[2]
MPS = torch.device("mps")
ROW = re.compile(r"\| (\d+) GB \| ([\d.]+) GB \| (.*) \|")


def f5() -> Task:
    text = F5TextConfig(tuple(chr(0x4E00 + i) for i in range(2545)), "characters")
    return F5Task(F5TTS(F5Config(), VOCOS_24K, text))


def xtts() -> Task:
    return XttsTask(Xtts(XttsConfig(), XTTS_LATENTS, None))


PAGES: list[tuple[str, str, Callable[[], Task], list[tuple[float, ...]]]] = [
    ("training.md", "f5", f5, [(10,), (20,)]),
    ("training-xtts.md", "xtts", xtts, [(6, 11.6)]),
]


def rows(page: str) -> Iterator[tuple[float, list[str]]]:
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        if found := ROW.fullmatch(line):
            yield float(found[2]), found[3].split(" | ")


def computed(task: Task, family: str, usable_gb: float, longest_s: float) -> MemoryPlan:
    """For the recipe on a Mac, whose batches are full of clips of one length."""
    recipe = recipes.load(
        ROOT / "recipes" / f"{family}-finetune.toml", [f"memory.limit_gb={usable_gb}"]
    )
    shape = task.activations()
    assert shape is not None
    frames = bucket_length(math.ceil(longest_s * shape.positions_per_second), MPS)
    count = recipe.loop.batch_seconds / longest_s
    return plan(task, recipe, Load(count * frames, frames, count, recipe.optim.accumulate), MPS)


def described(found: MemoryPlan) -> str:
    words = ["adapters" if found.train == "lora" else "all weights"]
    words += ["recomputed"] if found.recompute else []
    words += [f"{found.parts} parts"] if found.parts > 1 else []
    return ", ".join(words)


@pytest.mark.parametrize(("page", "family", "make", "columns"), PAGES, ids=["f5", "xtts"])
def test_a_table_is_what_the_plan_says(
    page: str, family: str, make: Callable[[], Task], columns: list[tuple[float, ...]]
) -> None:
    with torch.device("meta"):
        task = make()
    seen = list(rows(page))
    assert len(seen) == 4
    for usable_gb, cells in seen:
        for cell, lengths in zip(cells, columns, strict=True):
            found = [computed(task, family, usable_gb, length) for length in lengths]
            most = max(one.peak for one in found) / 1e9
            assert {f"{described(one)}: {most:.1f} GB" for one in found} == {cell}
