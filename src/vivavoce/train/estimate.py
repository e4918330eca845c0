"""What a run will need, found by taking a few of its steps. Writes nothing but the cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from vivavoce import runtime as devices
from vivavoce.runtime.memory import memory
from vivavoce.train import manifest
from vivavoce.train.distributed import Group
from vivavoce.train.loop import Trainer
from vivavoce.train.recipe import Recipe
from vivavoce.train.run import assemble
from vivavoce.types import no_progress


def estimate(recipe: Recipe, device: str) -> dict[str, Any]:
    """Plain facts, ready to print; memory in MB, times as their names say.

    The steps are taken as the run's last one, when every loss that starts late has started: first
    on the batch with most padded audio, which decides the memory, then on three of ordinary size.
    """
    trainer, speakers = assemble(recipe, device, Group(), no_progress)
    data = trainer.data
    before = memory(trainer.device).used or 0
    lengths = [data.length_s(e) for e in data.train]
    batches = trainer.sampler.epoch(0)
    batches.sort(key=lambda numbers: len(numbers) * max(lengths[i] for i in numbers))
    trainer.state.step = recipe.optim.steps - 1
    _time(trainer, batches[-1])
    found = memory(trainer.device)
    longest_s = _time(trainer, batches[-1])
    ordinary = [batches[len(batches) * part // 4] for part in (1, 2, 3)]
    typical_s = sum(_time(trainer, numbers) for numbers in ordinary) / 3
    parameters = {
        phase: sum(p.numel() for p in names.values()) for phase, names in trainer.names.items()
    }
    checkpoint = sum(t.numel() * t.element_size() for t in trainer.tensors().values())
    per_epoch = len(batches) / recipe.optim.accumulate
    return {
        "family": recipe.family,
        "device": str(trainer.device),
        "precision": str(trainer.dtype).removeprefix("torch."),
        "speakers": len(speakers) or 1,
        "utterances": len(data.train),
        "validation_utterances": len(data.validation),
        "audio_minutes": round(sum(e.seconds for e in data.train) / 60, 1),
        **{f"parameters.{phase}": count for phase, count in parameters.items()},
        **trainer.plan.facts(),
        "longest_batch_s": round(_padded(batches[-1], lengths), 1),
        "longest_batch_utterances": len(batches[-1]),
        "memory_before_mb": round(before / 1e6),
        "memory_peak_mb": round((found.peak or found.used or 0) / 1e6),
        "checkpoint_mb": round(checkpoint / 1e6),
        "steps": recipe.optim.steps,
        "steps_per_epoch": round(per_epoch, 1),
        "epochs": round(recipe.optim.steps / per_epoch, 1),
        "seconds_per_step": round(typical_s, 4),
        "seconds_for_longest_batch": round(longest_s, 4),
        "hours_in_all": round(typical_s * recipe.optim.steps / 3600, 3),
        **_hint(recipe),
    }


def _hint(recipe: Recipe) -> dict[str, str]:
    """For data that nobody checked: what would."""
    unchecked = [s.path for s in recipe.data.sources if not manifest.is_prepared(s)]
    if not unchecked:
        return {}
    command = f"vivavoce data prepare {unchecked[0]} -o FOLDER"
    return {"hint": f"the data were not checked for noise and wrong texts: {command}"}


def _time(trainer: Trainer, numbers: Sequence[int]) -> float:
    """Seconds of one step whose batches are all this one."""
    data, recipe = trainer.data, trainer.recipe
    begun = time.perf_counter()
    batch = data.batch([data.train[i] for i in numbers], (recipe.seed, 0, 0))
    trainer.update([trainer.to_device(batch)] * recipe.optim.accumulate)
    devices.synchronise(trainer.device)
    return time.perf_counter() - begun


def _padded(numbers: Sequence[int], lengths: Sequence[float]) -> float:
    return len(numbers) * max(lengths[i] for i in numbers)
