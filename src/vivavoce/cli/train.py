"""`vivavoce train` and `vivavoce export`: a recipe to a run, a run to a model folder."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.options import Device, Json
from vivavoce.cli.terminal import Progress, emit, facts, say
from vivavoce.types import OnProgress

LINE_EVERY_S = 30.0


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, for example from recipes/.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe value."),
    ] = None,
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option(help="Estimate memory and time, train nothing.")] = False,
    resume: Annotated[bool, typer.Option(help="Continue from the newest checkpoint.")] = True,
    as_json: Json = False,
) -> None:
    """Train a model from a recipe. An interrupted run continues with the same command."""
    if dry_run:
        from vivavoce.train import dry_run as estimate

        emit(estimate(recipe, settings or (), device), as_json, facts)
        return
    from vivavoce.train import train as run

    with Progress("training", "steps") as bar:
        folder = run(recipe, settings or (), device, resume, ProgressPrinter(bar))
    emit({"run": str(folder)}, as_json, lambda data: data["run"])


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a training run.")],
    folder: Annotated[Path, typer.Argument(help="Where to write the model.")],
    as_json: Json = False,
) -> None:
    """Write a model from a training run.

    The newest checkpoint becomes a folder that `speak -m` reads.
    """
    from vivavoce.train import export as write

    emit({"model": str(write(run, folder))}, as_json, lambda data: data["model"])


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
