"""A run's weights as a model that can speak."""

from __future__ import annotations

from pathlib import Path

from vivavoce import files
from vivavoce.errors import TrainingError
from vivavoce.nn.task import Task
from vivavoce.train import checkpoint, families, recipe, start
from vivavoce.train.checkpoint import Checkpoint
from vivavoce.train.loop import take, within


def export(run: Path, folder: Path) -> Path:
    """Write the newest checkpoint's model, with the averaged weights where the run keeps them.

    Raises TrainingError when the run has no readable checkpoint.
    """
    found, _ = checkpoint.newest(run / "checkpoints")
    if found is None:
        raise TrainingError(f"{run} holds no checkpoint that can be read.", "Train first.")
    return write(task_of(run, found), folder)


def task_of(run: Path, found: Checkpoint) -> Task:
    """The run's task at a checkpoint, with the averaged weights where there are any.

    Raises TrainingError when the weights that the run began with, and kept, are others now.
    """
    wanted = recipe.load(run / "recipe.toml")
    task = families.build(wanted, tuple(found.state["speakers"]))
    base = start.open_base(wanted)
    start.begin(task, base, wanted.start)
    frozen = {n for n, p in task.named_parameters() if not p.requires_grad}
    if base is not None and start.fingerprint(base) != found.state.get("base", ""):
        raise TrainingError(
            f"'{wanted.start.model}' is not what {run} began with.",
            "Put the weights back that the run was started from.",
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
    return folder
