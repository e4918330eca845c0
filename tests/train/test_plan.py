"""The memory plan of F5 at full width, on modules without memory."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.errors import TrainingError
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.infilling import F5Loss
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.f5.train import F5Task
from vivavoce.runtime.memory import bucket_length
from vivavoce.train import families
from vivavoce.train.plan import Load, MemoryPlan, keep, kept, plan
from vivavoce.train.recipe import (
    DataConfig,
    LoopConfig,
    MemoryConfig,
    OptimConfig,
    Recipe,
    StartConfig,
)

CPU, MPS = torch.device("cpu"), torch.device("mps")
LOAD = Load(positions=3200, longest=800, rows=4)
"""The reference's default batch of 3,200 frames, in rows of 800."""


@pytest.fixture
def base() -> F5Task:
    with torch.device("meta"):
        text = F5TextConfig(tuple(chr(0x4E00 + i) for i in range(2545)), "characters")
        return F5Task(F5TTS(F5Config(), VOCOS_24K, text), F5Loss(dropout=0.0))


def recipe(limit_gb: float = 1000.0, start: StartConfig | None = None, **loop: float) -> Recipe:
    return Recipe(
        name="f5",
        family="f5",
        output=Path("run"),
        data=DataConfig(sources=()),
        optim=OptimConfig(steps=10),
        loop=LoopConfig(**{"batch_seconds": 34.0, "ema_decay": 0.999} | loop),
        memory=MemoryConfig(limit_gb=limit_gb),
        start=start or StartConfig(model="f5-v1"),
    )


def chosen(task: F5Task, limit_gb: float, device: torch.device = CPU, **how: object) -> MemoryPlan:
    return plan(task, recipe(limit_gb, **how), LOAD, device)  # type: ignore[arg-type]


def test_static_sizes_are_the_computed_ones(base):
    """337.1 M weights: 16 bytes each with AdamW, 4 more with an average; 5.05 M in adapters."""
    full = chosen(base, 1000)
    assert full.weights / 4e6 == pytest.approx(337.1, rel=0.001)
    static = full.weights + full.gradients + full.optimiser + full.ema
    assert static == pytest.approx(6.74e9, rel=0.01)
    lora = chosen(base, 1000, start=StartConfig(model="f5-v1", train="lora"))
    assert lora.gradients / 4e6 == pytest.approx(5.05, rel=0.01)
    assert lora.weights + lora.gradients + lora.optimiser == pytest.approx(1.4e9, rel=0.03)
    spared = recipe(start=StartConfig(model="f5-v1", freeze=("backbone.blocks.*.modulation.*",)))
    assert plan(base, spared, LOAD, CPU).gradients / 4e6 == pytest.approx(198.6, rel=0.001)


def test_less_memory_takes_the_cheapest_way_out_first(base):
    everything = chosen(base, 1000)
    assert everything.reasons == ("everything that the recipe asks for fits",)
    assert (everything.recompute, everything.parts, everything.average) == (False, 1, True)
    found = [chosen(base, gb) for gb in (16, 10, 8, 6.2, 4.5, 2.5)]
    assert [p.train for p in found] == ["all", "all", "all", "all", "lora", "lora"]
    assert [p.recompute for p in found] == [False, False, True, True, False, True]
    assert [p.average for p in found] == [True, True, True, False, True, True]
    assert found[1].parts > 1
    assert found[4].parts > 1
    for one in found:
        assert one.peak <= one.limit
    assert "only adapters" in "; ".join(found[-1].reasons)
    assert found[-1].facts()["plan.limit_gb"] == 2.5


def test_scores_count_where_a_device_keeps_them(base, monkeypatch):
    """F5's attention keeps none; a family whose attention does would need 3.6 GB more."""
    cpu, mps = chosen(base, 1000), chosen(base, 1000, MPS)
    assert mps.kept == cpu.kept
    assert mps.process == 0
    keeping = replace(base.activations(), scores=16 * 4)
    monkeypatch.setattr(base, "activations", lambda: keeping)
    assert chosen(base, 1000).kept == cpu.kept
    blocks = 22 * 3200 * 800 * 16 * 4
    assert chosen(base, 1000, MPS).kept - cpu.kept == pytest.approx(blocks, rel=0.001)


def test_a_run_that_cannot_fit_is_refused_before_it_starts(base):
    with pytest.raises(TrainingError, match=r"needs [12]\.\d GB at least and has 1\.0 GB"):
        chosen(base, 1.0)
    with pytest.raises(TrainingError, match="GB at least"):
        chosen(base, 5.0, start=StartConfig(model="f5-v1", train="all"))


def test_bfloat16_and_one_part_after_another(base):
    lower = plan(base, recipe(precision="bfloat16"), LOAD, CPU)  # type: ignore[arg-type]
    assert lower.kept < chosen(base, 1000).kept
    several = plan(base, recipe(), replace(LOAD, batches=2), CPU)
    assert several.peak - chosen(base, 1000).peak == pytest.approx(several.gradients, rel=0.01)
    assert LOAD.part(3) == Load(1600, 800, 2)


def test_a_family_without_a_plan_says_that_it_keeps_no_limit(toy_recipe, caplog):
    task = families.build(toy_recipe(), ())
    with caplog.at_level(logging.WARNING):
        found = plan(task, toy_recipe("memory.limit_gb=4"), LOAD, CPU)
    assert "the memory limit is ignored" in caplog.text
    assert found.peak == 0
    assert found.facts()["plan.because"] == "the family has no memory plan"


def test_it_is_kept_for_the_same_limit_only(tmp_path):
    made = MemoryPlan("lora", parts=4, recompute=True, asked_gb=8.0, reasons=("it must",))
    assert kept(tmp_path, 8.0) is None
    keep(tmp_path, made)
    assert kept(tmp_path, 8.0) == made
    assert kept(tmp_path, 4.0) is None


MACS = {8: 5.3, 16: 10.7, 32: 21.3, 64: 48.0}
"""GB of main memory, and what of it Apple's GPU is recommended to use."""


def in_words(task: F5Task, limit_gb: float, seconds: int) -> str:
    """The plan of recipes/f5-finetune.toml for clips of up to so many seconds."""
    frames = bucket_length(round(seconds * VOCOS_24K.frame_rate), MPS)
    load = Load(34 / seconds * frames, frames, 34 / seconds)
    found = plan(task, recipe(limit_gb), load, MPS)
    said = ["all weights" if found.train == "all" else "adapters"]
    said += ["recomputed"] * found.recompute
    said += [f"{found.parts} parts"] * (found.parts > 1)
    return f"{', '.join(said)}: {found.peak / 1e9:.1f} GB"


def test_the_table_in_the_docs_is_the_plan_s(base):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    with torch.device("meta"):
        dropping = F5Task(base.exported)
    for memory, usable in MACS.items():
        cells = [f"{memory} GB", f"{usable} GB", *(in_words(dropping, usable, s) for s in (10, 20))]
        assert f"| {' | '.join(cells)} |" in page


def test_an_allocator_keeps_more_only_where_the_limit_leaves_room():
    large = MemoryPlan(peak=8_000_000_000)
    for limit, narrow in ((9_000_000_000, True), (10_000_000_000, False)):
        found = replace(large, limit=limit)
        assert found.narrow == narrow
        assert found.most == (large.peak if narrow else 9_200_000_000)
        assert found.most <= limit
    assert not MemoryPlan(peak=500_000_000, limit=500_000_000).narrow
