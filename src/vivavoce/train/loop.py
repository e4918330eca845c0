"""One step, one validation, and the state of both, for any task on any device.

Before every step the random generators are seeded from (seed, step, rank): what a step draws
depends on nothing that happened before it, so there is no generator state to save, and a run that
was killed and resumed computes the same numbers as one that was not.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce import runtime as devices
from vivavoce.errors import TrainingError
from vivavoce.nn.counted import CountedTask, parts_of, total
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime.memory import out_of_memory, release, release_unused
from vivavoce.train import optim
from vivavoce.train.data import Data
from vivavoce.train.distributed import Group
from vivavoce.train.ema import Ema
from vivavoce.train.loader import Loader
from vivavoce.train.log import MetricMeter
from vivavoce.train.plan import MemoryPlan
from vivavoce.train.recipe import Recipe
from vivavoce.train.sampler import BatchSampler, Position

logger = logging.getLogger(__name__)

VALIDATION = 2**32 - 1
"""Stands for the rank in the seed of a validation."""


@dataclass
class State:
    """Where a run stands, besides its tensors.

    `worse_in_a_row` counts validations since the best. A batch is computed in so many `parts`, its
    blocks a second time in the backward pass with `recompute`: the plan, as far as it was lowered.
    """

    step: int = 0
    position: Position = field(default_factory=Position)
    skipped: int = 0
    skipped_in_a_row: int = 0
    best: float | None = None
    best_step: int | None = None
    worse_in_a_row: int = 0
    parts: int = 1
    recompute: bool = False


class Trainer:
    """The mathematics of a run. `start()` before the first `step()`, `close()` after the last."""

    def __init__(
        self,
        task: Task,
        data: Data,
        recipe: Recipe,
        device: torch.device,
        group: Group,
        base: str = "",
        plan: MemoryPlan | None = None,
    ) -> None:
        """`base` identifies the weights that the run began with: what stays frozen is not saved."""
        self.task, self.data, self.recipe, self.base = task, data, recipe, base
        self.plan = plan or MemoryPlan()
        self.device, self.group = device, group
        recipe.optim.require_phases(task.phases)
        self.dtype = devices.choose_precision(recipe.loop.precision, device).dtype
        self.scaler = devices.grad_scaler(device, self.dtype)
        self.names = {
            phase: {n: p for n, p in part.named_parameters() if p.requires_grad}
            for phase, part in task.parts().items()
        }
        self.configs = {phase: recipe.optim.phase(phase) for phase in task.phases}
        self.optimisers = {
            phase: optim.build(self.configs[phase], self.names[phase], task.decayed)
            for phase in task.phases
        }
        frozen = {n for n, p in task.named_parameters() if not p.requires_grad}
        self.unsaved = frozen if base else set[str]()
        loop = recipe.loop
        law = loop.ema_decay, loop.ema_law, loop.ema_every, loop.ema_from
        self.ema = Ema(task.exported, *law) if loop.ema_decay else None
        self.sampler = self._sampler([data.length_s(e) for e in data.train])
        self.meter = MetricMeter()
        self.state = State(parts=self.plan.parts, recompute=self.plan.recompute)
        task.recompute(self.plan.recompute)
        self._loader: Loader | None = None

    def start(self) -> None:
        """Begin reading ahead from the state's position."""
        self.group.share(list(self.task.state_dict().values()))
        self._loader = Loader(
            self.data, self.sampler, self.state.position, self.group.rank, self.group.world
        )

    def close(self) -> None:
        if self._loader is not None:
            self._loader.close()
            self._loader = None

    def step(self) -> None:
        """One update of every phase. Raises TrainingError after too many failures in a row."""
        assert self._loader is not None
        position, batches = self.state.position, []
        for _ in range(self.recipe.optim.accumulate):
            position, batch = next(self._loader)
            batches.append(self.to_device(batch))
        self.update(batches)
        self.state.position = position
        self.state.step += 1

    def update(self, batches: list[Batch]) -> None:
        """Every phase over the batches, whose gradients are averaged."""
        self.task.train()
        _seed(self.recipe.seed, self.state.step, self.group.rank)
        try:
            finite = [self._phase(phase, batches) for phase in self.task.phases]
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise TrainingError(
                f"The memory of {self.device} ran out at step {self.state.step}.",
                "Lower loop.batch_seconds; `--dry-run` prints what a step needs.",
            ) from error
        if self.state.step == 0:  # what a task started from its own share of the data
            self.group.average(list(self.task.parameters()))
        self.scaler.update()
        release_unused(self.device)
        if all(finite):
            self.state.skipped_in_a_row = 0
            if self.ema is not None:
                self.ema.update()
            return
        logger.warning("Step %d is skipped: its loss or gradients are not finite.", self.state.step)
        self.state.skipped += 1
        self.state.skipped_in_a_row += 1
        if self.state.skipped_in_a_row >= self.recipe.loop.nan_limit:
            raise TrainingError(
                f"{self.state.skipped_in_a_row} steps in a row gave a loss or gradients that are "
                f"not finite numbers, the last at step {self.state.step}.",
                "Lower optim.lr, set optim.clip or use precision = 'float32'; "
                "the checkpoints before are intact.",
            )

    def rates(self) -> dict[str, float]:
        """Each phase's learning rate at the present step."""
        return {
            self._label(phase, "lr"): optim.rate(config, self.state.step, self.recipe.optim.steps)
            for phase, config in self.configs.items()
        }

    def validate(self) -> dict[str, float]:
        """Means over whole validation utterances, with the averaged weights if there are any."""
        meter = MetricMeter()
        examples = sorted(self.data.validation, key=lambda e: (e.seconds, e.id))
        cut = self._sampler([e.seconds for e in examples]).cut(range(len(examples)))
        with self.evaluation():
            for numbers in cut:
                batch = self.to_device(self.data.batch([examples[i] for i in numbers], None))
                with self._autocast():
                    meter.add(self.task.validate(batch), len(numbers))
        return meter.take()

    def samples(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The first validation utterances, whole, one by one: their ids and what came out."""
        with self.evaluation():
            for example in self.data.validation[: self.recipe.loop.samples]:
                batch = self.to_device(self.data.batch([example], None))
                yield example.id, self.task.sample(batch)

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint must hold as tensors."""
        state = self.task.state_dict()
        out = {f"task/{k}": v for k, v in state.items() if k not in self.unsaved}
        if self.ema is not None:
            out |= {f"ema/{k}": v for k, v in self.ema.values.items()}
        for phase, optimiser in self.optimisers.items():
            state = optim.state_tensors(optimiser, self.names[phase])
            out |= {f"optim/{phase}/{k}": v for k, v in state.items()}
        return out

    def plain(self) -> dict[str, Any]:
        """All the rest of it."""
        return {
            "state": asdict(self.state),
            "meter": self.meter.state(),
            "ema_updates": self.ema.updates if self.ema is not None else 0,
            "scaler": self.scaler.state_dict(),
            "data": self.data.fingerprint,
            "base": self.base,
        }

    def load(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> bool:
        """Take up a checkpoint. False when the data differ, so that the next epoch is begun.

        Raises TrainingError when it was made by another model.
        """
        if plain.get("base", "") != self.base:
            raise TrainingError(
                f"'{self.recipe.start.model}' is not the model that this run started from.",
                "Restore its weights, or start again in another output folder.",
            )
        try:
            take(self.task, within(tensors, "task/"), self.unsaved)
            for phase, optimiser in self.optimisers.items():
                found = within(tensors, f"optim/{phase}/")
                optim.load_state(optimiser, self.names[phase], found)
            if self.ema is not None:
                average = within(tensors, "ema/") or self.task.exported.state_dict()
                self.ema.load(average, plain["ema_updates"])
        except (RuntimeError, KeyError) as error:
            raise TrainingError(
                f"The checkpoint does not fit this recipe's model: {error}.",
                "Undo the change to the recipe, or start again in another output folder.",
            ) from error
        state = dict(plain["state"])
        position = Position(**state.pop("position"))
        same = plain["data"] == self.data.fingerprint
        self.state = State(position=position if same else Position(position.epoch + 1, 0), **state)
        self.state.parts = max(self.state.parts, self.plan.parts)
        self.state.recompute = self.state.recompute or self.plan.recompute
        self.task.recompute(self.state.recompute)
        self.meter.load(plain["meter"], self.device)
        if plain["scaler"]:
            self.scaler.load_state_dict(plain["scaler"])
        return same

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Evaluation mode, no gradients, averaged weights, random numbers of its own."""
        _seed(self.recipe.seed, 0, VALIDATION)
        self.task.eval()
        with torch.no_grad(), self.ema.applied() if self.ema is not None else nullcontext():
            yield
        self.task.train()

    def _phase(self, phase: str, batches: list[Batch]) -> bool:
        """Backward passes, then the phase's step unless something is not finite."""
        parameters = list(self.names[phase].values())
        optimiser = self.optimisers[phase]
        optimiser.zero_grad(set_to_none=True)
        found = MetricMeter()
        with self._only(phase):
            if isinstance(self.task, CountedTask):
                loss = self._counted(self.task, batches, found)
            else:
                loss = self._means(phase, batches, found)
        if loss is None:
            return True
        self.group.average([loss])
        self.group.average_gradients(parameters)
        self.scaler.unscale_(optimiser)
        norm = optim.clip(parameters, self.configs[phase].clip)
        if not math.isfinite((loss + norm.to(loss)).item()):  # the step's one wait for the device
            return False
        config = self.configs[phase]
        optim.set_rate(optimiser, optim.rate(config, self.state.step, self.recipe.optim.steps))
        self.scaler.step(optimiser)
        metrics = {**found.means(), "loss": loss, "grad_norm": norm}
        self.meter.add({self._label(phase, k): v for k, v in metrics.items()})
        return True

    def _means(self, phase: str, batches: list[Batch], found: MetricMeter) -> Tensor | None:
        """Gradients of the mean of the losses; None where there is nothing to learn yet."""
        losses = []
        for batch in batches:
            with self._autocast():
                loss, metrics = self.task(phase, batch, self.state.step)
            if not loss.requires_grad:
                return None
            self.scaler.scale(loss / len(batches)).backward()
            losses.append(loss.detach().float())
            found.add(metrics)
        return torch.stack(losses).mean()

    def _counted(self, task: CountedTask, batches: list[Batch], found: MetricMeter) -> Tensor:
        """Gradients of the loss over all rows of the batches, of all processes.

        When memory runs out the plan is lowered and the same rows, with the same random numbers,
        are computed again. Raises TrainingError when it cannot be lowered.
        """
        drawn = [task.draw(batch) for batch in batches]
        totals = total([task.counts(batch) for batch in drawn])
        self.group.average(list(totals.values()))  # as the gradients are
        while True:
            try:
                return self._summed(task, drawn, totals, found)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            for parameter in task.parameters():
                parameter.grad = None
            release(self.device)
            self._lower_plan(max(len(batch["speakers"]) for batch in drawn))

    def _summed(
        self,
        task: CountedTask,
        drawn: list[Batch],
        totals: Mapping[str, Tensor],
        found: MetricMeter,
    ) -> Tensor:
        losses, terms = [], []
        for part in (part for batch in drawn for part in parts_of(batch, self.state.parts)):
            with self._autocast():
                loss, metrics = task.share(part, totals)
            self.scaler.scale(loss).backward()
            losses.append(loss.detach().float())
            terms.append(metrics)
        found.add(total(terms))
        return torch.stack(losses).sum()

    def _lower_plan(self, rows: int) -> None:
        """Less memory for the same update: blocks computed twice, then batches in more parts."""
        state = self.state
        may = self.recipe.memory.recompute != "never"
        if may and not state.recompute and self.task.recompute(True):
            state.recompute = True
            how = "blocks are computed again in the backward pass"
        elif state.parts < rows:
            state.parts = min(2 * state.parts, rows)
            how = f"batches are computed in {state.parts} parts"
        else:
            raise TrainingError(
                f"Step {state.step} does not fit into memory, even with one utterance at a time.",
                "Lower data.max_s, use start.train = 'lora', or another device.",
            )
        logger.warning("Memory ran out at step %d: from now on %s.", state.step, how)

    @contextmanager
    def _only(self, phase: str) -> Iterator[None]:
        """Nobody else's parameters collect gradients in this phase."""
        mine = {id(p) for p in self.names[phase].values()}
        others = [p for names in self.names.values() for p in names.values() if id(p) not in mine]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _label(self, phase: str, name: str) -> str:
        return name if len(self.task.phases) == 1 else f"{phase}.{name}"

    def _autocast(self) -> Any:
        return devices.mixed_precision(self.device, self.dtype)

    def to_device(self, batch: Batch) -> Batch:
        """The batch where the weights are."""
        return {k: v.to(self.device) for k, v in batch.items()}

    def _sampler(self, lengths: list[float]) -> BatchSampler:
        loop = self.recipe.loop
        return BatchSampler(lengths, loop.batch_seconds, loop.batch_size, self.recipe.seed)


def within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose name begins with `prefix`, without it."""
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def take(task: Task, tensors: Mapping[str, Tensor], unsaved: set[str]) -> None:
    """Load a checkpoint without the `unsaved`. Raises RuntimeError when others are missing."""
    result = task.load_state_dict(dict(tensors), strict=False)
    missing = set(result.missing_keys) - unsaved
    if missing or result.unexpected_keys:
        raise RuntimeError(
            f"missing: {', '.join(sorted(missing)[:5])}; "
            f"unexpected: {', '.join(result.unexpected_keys[:5])}"
        )


def _seed(seed: int, step: int, rank: int) -> None:
    """Torch's generators on all devices, and Python's, from three numbers."""
    number = int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0])
    torch.manual_seed(number)
    random.seed(number)
