"""`vivavoce voices …`: the speakers of installed models, and voices made from recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.files import read_text
from vivavoce.cli.options import Json, Transcribe, Transcript, TranscriptFile
from vivavoce.cli.terminal import emit, facts, say, table
from vivavoce.errors import UsageError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A name from `vivavoce voices list`.")]


@app.command("list")
def list_voices(as_json: Json = False) -> None:
    """All voices that can speak here, and the model each belongs to."""
    from vivavoce.synthesis import voices

    columns = ("name", "model", "family", "language", "licence")
    emit(voices.voices_list(), as_json, lambda rows: table(rows, columns))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call the voice.")],
    recording: Annotated[Path, typer.Argument(help="Three to twelve seconds of clear speech.")],
    transcript: Transcript = None,
    transcript_file: TranscriptFile = None,
    transcribe: Transcribe = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A model the voice is for, or its kin.")
    ] = None,
    language: Annotated[str, typer.Option(help="A BCP 47 code.")] = "en",
    licence: Annotated[str, typer.Option(help="Under which terms it may be used.")] = "",
    start: Annotated[float, typer.Option(min=0.0, help="Use it from this second on.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Use it up to this second.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of the voice of that name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a voice from a recording, once, and keep it as one file."""
    given = transcript is not None or transcript_file is not None
    if given and transcribe:
        raise UsageError("There is a transcript and --transcribe.", "Give one of them.")
    words = read_text(transcript, transcript_file) if given else ""
    from vivavoce.synthesis import voices
    from vivavoce.synthesis.transcribe import default_transcriber

    voices.voices_add(
        name,
        recording,
        replace=replace,
        model=model,
        transcript=words,
        language=language,
        licence=licence,
        transcriber=default_transcriber() if transcribe else None,
        start_s=start,
        end_s=end,
    )
    added = voices.voices_show(name)
    if transcribe:
        say(f"transcript: {added['transcript']}")
    emit(added, as_json, lambda found: found["path"])


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Everything known about one voice."""
    from vivavoce.synthesis import voices

    emit(voices.voices_show(name), as_json, facts)


@app.command()
def remove(name: Name) -> None:
    """Delete one of your own voices."""
    from vivavoce.synthesis import voices

    voices.voices_remove(name)
    say(f"removed {name}")
