"""A run's weights as a model that can speak."""

from __future__ import annotations

from pathlib import Path

from vivavoce import files
from vivavoce.errors import TrainingError
from vivavoce.nn.task import Task
from vivavoce.train import checkpoint, families, recipe
from vivavoce.train.loop import within


def export(run: Path, folder: Path) -> Path:
    """Write the newest checkpoint's model, with the averaged weights where the run keeps them.

    Raises TrainingError when the run has no readable checkpoint.
    """
    found, _ = checkpoint.newest(run / "checkpoints")
    if found is None:
        raise TrainingError(f"{run} holds no checkpoint that can be read.", "Train first.")
    task = families.build(recipe.load(run / "recipe.toml"), tuple(found.state["speakers"]))
    task.load_state_dict(within(found.tensors, "task/"))
    average = within(found.tensors, "ema/")
    if average:
        task.exported.load_state_dict(average)
    return write(task, folder)


def write(task: Task, folder: Path) -> Path:
    """Have the task write its model; the folder appears whole or not at all."""
    task.eval()
    with files.atomic_path(folder) as temporary:
        temporary.mkdir()
        task.export(temporary)
    return folder
