"""The memory plan of F5 at full width, on modules without memory."""

from __future__ import annotations

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
from vivavoce.train.plan import Load, Plan, keep, kept, plan
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


@pytest.fixture(scope="module")
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


def chosen(task: F5Task, limit_gb: float, device: torch.device = CPU, **how: object) -> Plan:
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
    found = [chosen(base, gb) for gb in (16, 10, 8, 6.2, 4.5, 2.2)]
    assert [p.train for p in found] == ["all", "all", "all", "all", "lora", "lora"]
    assert [p.recompute for p in found] == [False, False, True, True, False, True]
    assert [p.average for p in found] == [True, True, True, False, True, True]
    assert found[1].parts > 1
    assert found[4].parts > 1
    for one in found:
        assert one.peak <= one.limit
    assert "only adapters" in "; ".join(found[-1].reasons)
    assert found[-1].facts()["plan.limit_gb"] == 2.2


def test_scores_count_where_a_device_keeps_them(base):
    cpu, mps = chosen(base, 1000), chosen(base, 1000, MPS)
    blocks = 22 * 3200 * 800 * 16 * 4
    assert mps.kept - cpu.kept == pytest.approx(blocks, rel=0.001)
    assert mps.process == 0


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


def test_it_is_kept_for_the_same_limit_only(tmp_path):
    made = Plan("lora", parts=4, recompute=True, asked_gb=8.0, reasons=("it must",))
    assert kept(tmp_path, 8.0) is None
    keep(tmp_path, made)
    assert kept(tmp_path, 8.0) == made
    assert kept(tmp_path, 4.0) is None
