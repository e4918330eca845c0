"""`vivavoce train` and `vivavoce export`: a recipe to a run, a run to a model folder."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.options import Device, Json
from vivavoce.cli.terminal import Progress, emit, facts, say
from vivavoce.errors import UsageError
from vivavoce.types import OnProgress

LINE_EVERY_S = 30.0


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, for example from recipes/.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe value."),
    ] = None,
    device: Device = "auto",
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory limit, such as 14GB [default: free memory]."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Estimate memory and time, train nothing.")] = False,
    resume: Annotated[bool, typer.Option(help="Continue from the newest checkpoint.")] = True,
    as_json: Json = False,
) -> None:
    """Train a model from a recipe. The same command resumes an interrupted run."""
    overrides = list(settings or ())
    if max_memory:
        overrides.append(f"memory.limit_gb={gigabytes(max_memory)}")
    if dry_run:
        from vivavoce.train import dry_run as estimate

        emit(estimate(recipe, overrides, device), as_json, facts)
        return
    from vivavoce.train import train as run

    with Progress("training", "steps") as bar:
        folder = run(recipe, overrides, device, resume, ProgressPrinter(bar))
    emit({"run": str(folder)}, as_json, lambda data: data["run"])


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write the model to.")],
    as_json: Json = False,
) -> None:
    """Write a model from a training run.

    The newest checkpoint becomes a folder that `speak -m` reads.
    """
    from vivavoce.train import export as write

    emit({"model": str(write(run, folder))}, as_json, lambda data: data["model"])


def gigabytes(text: str) -> float:
    """`14GB`, `900 MB` or `14` as a number of GB (10^9 bytes). Raises UsageError."""
    found = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*(GB|MB|G|M)?", text.strip(), re.IGNORECASE)
    if not found or not float(found[1]):
        raise UsageError(f"'{text}' is not an amount of memory.", "Write for example 14GB.")
    return float(found[1]) / (1000 if (found[2] or "g").lower().startswith("m") else 1)


class ProgressPrinter:
    """Progress of a training: a bar on a terminal, else a line now and then."""

    def __init__(self, bar: OnProgress) -> None:
        self.bar = bar
        self._stage, self._last = "", 0.0

    def __call__(self, done: int, total: int | None, note: str) -> None:
        stage = note.partition(" ")[0]
        if sys.stderr.isatty():
            self.bar(done, total, note)
            return
        now = time.monotonic()
        if stage != self._stage or now - self._last >= LINE_EVERY_S or done == total:
            self._stage, self._last = stage, now
            say(f"{note} {done}/{total}")
