"""`vivavoce voices …`: the speakers of installed models, and voices made from recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.options import Device, Json, Model
from vivavoce.cli.terminal import emit, facts, say, table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A name from `vivavoce voices list`.")]


@app.command("list")
def list_voices(as_json: Json = False) -> None:
    """All voices that can speak here, and the model each belongs to."""
    from vivavoce.synthesis import library

    columns = ("name", "model", "family", "language", "licence")
    emit(library.voices_list(), as_json, lambda rows: table(rows, columns))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call the voice.")],
    recording: Annotated[Path, typer.Argument(help="A few seconds of clear speech.")],
    model: Model = None,
    transcript: Annotated[str, typer.Option(help="What is said in it.")] = "",
    language: Annotated[str, typer.Option(help="A BCP 47 code.")] = "en",
    licence: Annotated[str, typer.Option(help="Under which terms it may be used.")] = "",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Make a voice from a recording, once, and keep it as one file."""
    from vivavoce.synthesis import library

    added = library.voices_add(
        name,
        recording,
        model=model,
        transcript=transcript,
        language=language,
        licence=licence,
        device=device,
    )
    data = {"name": name, "path": str(added)}
    emit(data, as_json, lambda found: found["path"])


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Everything known about one voice."""
    from vivavoce.synthesis import library

    emit(library.voices_show(name), as_json, facts)


@app.command()
def remove(name: Name) -> None:
    """Delete one of your own voices."""
    from vivavoce.synthesis import library

    library.voices_remove(name)
    say(f"removed {name}")
