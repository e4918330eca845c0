"""How an update fits the memory, computed from the model's shapes before the first step.

    peak = weights + optimiser + average + max(kept, gradients) + one block at work + the process

`kept` is what the backward pass needs of the forward pass. It shrinks while gradients grow, so only
the larger counts, unless gradients stay from part to part of an update: then both do.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from vivavoce import files
from vivavoce.errors import TrainingError
from vivavoce.nn.task import ActivationShape, Task
from vivavoce.runtime import choose_precision
from vivavoce.runtime.attention import keeps_scores
from vivavoce.runtime.memory import usable
from vivavoce.train import start
from vivavoce.train.data import Data
from vivavoce.train.recipe import Recipe

logger = logging.getLogger(__name__)

Trained = Literal["all", "lora"]

FILE = "plan.json"
FLOAT = 4
PROCESS = 500_000_000
"""Python, torch, its libraries and their kernels in main memory."""
SPARE = {"cpu": 1.0}
"""Part of the memory that allocations may fill: the others' allocators leave gaps."""
OTHERS = 0.9
LARGE = 1_000_000_000
"""A plan of so many bytes cares for what the system's allocator keeps."""
ROOMY = 1.15
"""Limit over plan from which on it does not: up to a ninth more was kept (docs/decisions/0017), and
without that the pages, new in every step, take a sixth of the time.
"""
STATE = {"adamw": 2, "radam": 2, "adafactor": 0}
"""Values that an optimiser keeps per trained weight."""
LEAST_POSITIONS = 800
"""Smaller parts than this lose more speed than computing blocks twice does."""


@dataclass(frozen=True)
class Load:
    """What an update is about: rows of at most `longest` positions, `positions` in a batch."""

    positions: float
    longest: float
    rows: float
    batches: int = 1

    def part(self, parts: int) -> Load:
        """The largest of so many parts of a batch: whole rows."""
        rows = math.ceil(self.rows / parts)
        return replace(self, positions=min(self.positions, rows * self.longest), rows=rows)


@dataclass(frozen=True)
class MemoryPlan:
    """What is trained and kept. Sizes in bytes; `limit` 0 where nobody knows the memory.

    `reasons` say what decided, in the order of the decisions. `precision` is the recipe's, or what
    was measured where the recipe leaves it open: a run that goes on computes as it began.
    """

    train: Trained = "all"
    average: bool = True
    recompute: bool = False
    parts: int = 1
    weights: int = 0
    optimiser: int = 0
    ema: int = 0
    gradients: int = 0
    kept: int = 0
    at_work: int = 0
    process: int = 0
    peak: int = 0
    limit: int = 0
    asked_gb: float = 0.0
    precision: str = "auto"
    reasons: tuple[str, ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether what the system's allocator keeps unused might pass the limit."""
        return self.peak > max(LARGE, self.limit / ROOMY)

    @property
    def most(self) -> int:
        """The peak, with what the allocator may keep where the limit leaves room for that."""
        return self.peak if self.narrow else round(self.peak * ROOMY)

    def facts(self) -> dict[str, Any]:
        """For people: GB."""
        sizes = ("weights", "optimiser", "ema", "gradients", "kept", "at_work", "process")
        sizes += ("peak", "most")
        found: dict[str, Any] = {f"plan.{k}_gb": round(getattr(self, k) / 1e9, 2) for k in sizes}
        found["plan.limit_gb"] = round(self.limit / 1e9, 2)
        chosen = ("train", "average", "recompute", "parts")
        found |= {f"plan.{k}": getattr(self, k) for k in chosen}
        return found | {"plan.because": "; ".join(self.reasons)}


def load_of(data: Data, recipe: Recipe, shape: ActivationShape | None) -> Load:
    """The largest update of a run: its longest utterance, and as many as a batch may hold."""
    rate = shape.positions_per_second if shape else data.cache.spec.frame_rate
    longest = max(data.length_s(e) for e in data.train)
    bounds = [recipe.loop.batch_seconds / longest] if recipe.loop.batch_seconds else []
    bounds += [recipe.loop.batch_size] if recipe.loop.batch_size else []
    rows = max(1.0, min(bounds))
    frames = data.bucket(math.ceil(longest * rate))
    return Load(rows * frames, frames, rows, recipe.optim.accumulate)


def plan(task: Task, recipe: Recipe, load: Load, device: torch.device) -> MemoryPlan:
    """The first plan that fits, of those that change least. Raises TrainingError when none does."""
    shape = task.activations()
    asked = recipe.memory.limit_gb
    train: Trained = "lora" if recipe.start.train == "lora" else "all"
    if shape is None:
        if asked:
            logger.warning(
                "The family '%s' has no memory plan: the memory limit is ignored.", recipe.family
            )
        return MemoryPlan(train, asked_gb=asked, reasons=("the family has no memory plan",))
    limit = round(asked * 1e9) if asked else usable(device) or 0
    room = limit * SPARE.get(device.type, OTHERS)
    last = first = None
    for choice in _choices(task, recipe, load):
        found = _sized(task, recipe, load, device, shape, choice)
        first = first or found
        if not limit or found.peak <= room:
            return replace(found, limit=limit, reasons=_reasons(found, first, room))
        last = found if last is None or found.peak < last.peak else last
    assert last is not None
    raise TrainingError(
        f"This run needs {last.peak / 1e9:.1f} GB at least and has {room / 1e9:.1f} GB.",
        "Lower data.max_s, set start.train = 'lora' or optim.name = 'adafactor'.",
    )


def _choices(task: Task, recipe: Recipe, load: Load) -> Iterator[MemoryPlan]:
    """From what is asked for to what costs least memory."""
    averaged = recipe.loop.ema_decay > 0
    memory, begin = recipe.memory, recipe.start
    ways: list[Trained] = []
    if begin.train != "lora":
        ways.append("all")
    if begin.model and begin.train != "all":
        ways.append("lora")
    can = memory.recompute != "never" and task.recompute(True)
    task.recompute(False)
    for train in ways:
        optional = averaged and memory.average == "auto" and train == "all"
        for average in (True, False) if optional else (averaged,):
            base = MemoryPlan(train, average, asked_gb=memory.limit_gb)
            most = max(1, math.ceil(load.rows))
            powers = [min(2**n, most) for n in range(math.ceil(math.log2(most)) + 1)]
            if memory.recompute != "always" or not can:
                for parts in powers:
                    if parts == 1 or load.part(parts).positions >= LEAST_POSITIONS:
                        yield replace(base, parts=parts)
            if can:
                for parts in powers:
                    yield replace(base, recompute=True, parts=parts)


def _sized(
    task: Task,
    recipe: Recipe,
    load: Load,
    device: torch.device,
    shape: ActivationShape,
    plan: MemoryPlan,
) -> MemoryPlan:
    counts = _Weights.of(task, recipe, plan.train)
    part = load.part(plan.parts)
    lower = choose_precision(recipe.loop.precision, device).dtype != torch.float32
    block = shape.lower if lower else shape.block
    if keeps_scores(device):
        block += shape.scores * part.longest * (0.5 if lower else 1.0)
    each = shape.boundary if plan.recompute else block
    kept = part.positions * (shape.outside + shape.blocks * each) + part.rows * shape.row
    at_work = part.positions * block
    if lower:
        at_work += shape.lower_weights
        kept += 0 if plan.recompute else shape.blocks * shape.lower_weights
    if plan.recompute:
        kept += part.positions * block
    gradients = FLOAT * counts.trained
    stays = plan.parts * load.batches > 1
    found = replace(
        plan,
        weights=FLOAT * counts.all,
        optimiser=FLOAT * (STATE[recipe.optim.name] * counts.trained + counts.factors),
        ema=FLOAT * counts.trained if plan.average else 0,
        gradients=gradients,
        kept=round(kept),
        at_work=round(at_work),
        process=PROCESS if device.type == "cpu" else 0,
    )
    larger = kept + gradients if stays else max(kept, gradients)
    fixed = found.weights + found.optimiser + found.ema + found.process
    return replace(found, peak=round(fixed + larger + at_work))


@dataclass(frozen=True)
class _Weights:
    """Counts of values: all weights, those trained, and what Adafactor keeps of them."""

    all: int
    trained: int
    factors: int

    @classmethod
    def of(cls, task: Task, recipe: Recipe, train: str) -> _Weights:
        parameters = dict(task.named_parameters())
        total = sum(p.numel() for p in parameters.values())
        total += sum(b.numel() for b in task.buffers())
        if train == "lora":
            added = sum(
                recipe.start.adapter.rank * (layer.in_features + layer.out_features)
                for layer in _adapted(task, recipe)
            )
            return cls(total + added, added, 0)
        frozen = start.frozen(task, recipe.start.freeze)
        kept = [p for p in task.exported.parameters() if id(p) not in frozen]
        trained = sum(p.numel() for p in kept)
        factored = recipe.optim.name == "adafactor"
        sides = [p.numel() // p.shape[-1] + p.shape[-1] if p.ndim > 1 else p.numel() for p in kept]
        return cls(total, trained, sum(sides) if factored else 0)


def _adapted(task: Task, recipe: Recipe) -> list[nn.Linear]:
    wanted = recipe.start.adapter.targets or task.adapter_targets
    return [
        layer
        for name, layer in task.exported.named_modules()
        if isinstance(layer, nn.Linear) and start.matches(name, wanted)
    ]


def _reasons(plan: MemoryPlan, first: MemoryPlan, room: float) -> tuple[str, ...]:
    """What was given up, and for how much."""
    if plan == first:
        return ("everything that the recipe asks for fits",)
    said = [f"as asked it needs {first.peak / 1e9:.1f} GB of {room / 1e9:.1f} GB"]
    if plan.train != first.train:
        said.append("only adapters are trained")
    if plan.average != first.average and plan.train == "all":
        said.append("no moving average")
    if plan.recompute:
        said.append("blocks are computed again in the backward pass")
    if plan.parts > 1:
        said.append(f"each batch is computed in {plan.parts} parts")
    return tuple(said)


def applied(recipe: Recipe, plan: MemoryPlan) -> Recipe:
    """The recipe as the plan has it."""
    loop = recipe.loop if plan.average else replace(recipe.loop, ema_decay=0.0)
    if loop.precision == "auto":
        loop = replace(loop, precision=plan.precision)
    begin, optim = recipe.start, recipe.optim
    if begin.model:
        begin = replace(begin, train=plan.train)
    if plan.train == "lora" and begin.adapter.lr:
        optim = replace(optim, lr=begin.adapter.lr)
    return replace(recipe, loop=loop, start=begin, optim=optim)


def kept(folder: Path, asked_gb: float) -> MemoryPlan | None:
    """The plan that a run was begun with, unless another limit is asked for now."""
    file = folder / FILE
    if not file.is_file():
        return None
    found = files.read_json(file)
    plan = MemoryPlan(**{**found, "reasons": tuple(found.get("reasons", ()))})
    return plan if plan.asked_gb == asked_gb else None


def keep(folder: Path, plan: MemoryPlan) -> None:
    files.update_json(folder / FILE, lambda _: asdict(plan))
