"""A run's weights as a model that can speak."""

from __future__ import annotations

import json
from pathlib import Path

from vivavoce import files
from vivavoce.checkpoints import safetensors_file, store
from vivavoce.errors import TrainingError, UsageError
from vivavoce.hub import export as other
from vivavoce.hub.lora import CONFIG
from vivavoce.nn import lora
from vivavoce.nn.task import Task
from vivavoce.train import checkpoint, families, recipe, start
from vivavoce.train.checkpoint import SavedState
from vivavoce.train.loop import take, within

STEP = "export.step"
"""Beside `export/`: the step whose weights it holds."""
PEFT = "base_model.model."


def export(run: Path, folder: Path) -> Path:
    """Write the newest checkpoint's model, with the averaged weights where the run keeps them.

    Raises TrainingError when the run has no readable checkpoint.
    """
    return write(task_of(run, newest(run)), folder)


def newest(run: Path) -> SavedState:
    found, _ = checkpoint.newest(run / "checkpoints")
    if found is None:
        raise TrainingError(f"{run} holds no checkpoint that can be read.", "Train first.")
    return found


def refreshed(run: Path) -> Path:
    """The run's `export/`, written again where a checkpoint is newer."""
    folder, found = run / "export", newest(run)
    marker = run / STEP
    step = str(found.step)
    if not (marker.is_file() and folder.is_dir() and marker.read_text(encoding="utf-8") == step):
        write(task_of(run, found), folder)
        files.write_text(marker, step)
    return folder


def convert(run: Path, target: Path, kind: str) -> list[Path]:
    """The newest checkpoint as another program's files: `lora`, or what the family offers.

    Raises UsageError for a kind that there is none of.
    """
    if kind == "lora":
        return adapter(run, target)
    return other.export(str(refreshed(run)), target, kind)


def adapter(run: Path, target: Path) -> list[Path]:
    """The adapters alone: safetensors with PEFT's names, and PEFT's configuration beside them.

    Raises UsageError where the run trained no adapters, or more than them.
    """
    wanted = recipe.load(run / "recipe.toml")
    if wanted.start.train != "lora":
        raise UsageError(f"{run} trained all weights, not adapters.", "Export it without lora.")
    task = task_of(run, newest(run))
    if task.new_parts:
        raise UsageError(
            f"{run} has more tokens than '{wanted.start.model}': an adapter cannot hold them.",
            "Export the whole model.",
        )
    factors = lora.factor_tensors(task.exported)
    named = {f"{PEFT}{task.published_name(k)}": v.contiguous() for k, v in factors.items()}
    layers = {k.removeprefix(PEFT).rpartition(".lora_")[0] for k in named}
    safetensors_file.save(target, named)
    values = lora.settings(wanted.start.adapter.rank, wanted.start.adapter.alpha, layers)
    beside = target.with_name(CONFIG)
    files.write_text(beside, json.dumps(values, indent=2) + "\n")
    return [target, beside]


def task_of(run: Path, found: SavedState) -> Task:
    """The run's task at a checkpoint, with the averaged weights where there are any.

    Raises TrainingError when the weights that the run began with, and kept, are others now.
    """
    wanted = recipe.load(run / "recipe.toml")
    task = families.build(wanted, tuple(found.state["speakers"]))
    base = start.open_base(wanted)
    start.take(task, base)
    start.restrict(task, base, wanted.start)
    frozen = {n for n, p in task.named_parameters() if not p.requires_grad}
    if base is not None and start.fingerprint(base) != found.state.get("base", ""):
        raise TrainingError(
            f"'{wanted.start.model}' is not the model that {run} started from.",
            "Restore the weights that the run started from.",
        )
    take(task, within(found.tensors, "task/"), frozen if base is not None else set())
    task.exported.load_state_dict(within(found.tensors, "ema/"), strict=False)
    return task


def write(task: Task, folder: Path) -> Path:
    """Have the task write its model; the folder appears whole or not at all."""
    task.eval()
    with files.atomic_path(folder) as temporary:
        temporary.mkdir()
        task.export(temporary)
        if task.inherited and (temporary / store.MANIFEST).is_file():
            store.amend(temporary, task.inherited)
    return folder
