"""Training: one loop for every family, from a recipe to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vivavoce.types import OnProgress, no_progress


def train(
    recipe_path: str | Path,
    overrides: Sequence[str] = (),
    device: str = "auto",
    resume: bool = True,
    on_progress: OnProgress = no_progress,
) -> Path:
    """Train from a recipe; the returned run folder holds the model in `export/`.

    An interrupted run resumes from its newest checkpoint. The note of
    `on_progress` is a stage (`prepare`, `train`, `validate`) and its metrics, "train loss=0.5".

    Raises ConfigError for the recipe, TrainingError for the data or when training diverges,
    OutputError when the run folder cannot be written.
    """
    from vivavoce.train import recipe, run

    wanted = recipe.load(recipe_path, overrides)
    return run.train(wanted, device, resume, on_progress)


def dry_run(
    recipe_path: str | Path, overrides: Sequence[str] = (), device: str = "auto"
) -> dict[str, Any]:
    """Memory, time and epochs of a run, from a few real steps. Writes only the cache."""
    from vivavoce.train import estimate, recipe

    return estimate.estimate(recipe.load(recipe_path, overrides), device)


def export(run_folder: str | Path, folder: str | Path) -> Path:
    """Write the newest checkpoint of a run as a model, with averaged weights if there are any."""
    from vivavoce.train import exports

    return exports.export(Path(run_folder), Path(folder))
