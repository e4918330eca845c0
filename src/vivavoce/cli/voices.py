"""`vivavoce voices …`: the speakers of installed models, and voices made from recordings."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from vivavoce.cli.files import read_text
from vivavoce.cli.options import Json, Transcribe, Transcript, TranscriptFile
from vivavoce.cli.output import download
from vivavoce.cli.terminal import emit, facts, in_columns, say, table
from vivavoce.errors import UsageError

FEW = 8
"""Most speakers of one model with a row each; of more, the names stand below the table."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A name from `vivavoce voices list`.")]


@app.command("list")
def list_voices(as_json: Json = False) -> None:
    """List the voices that can speak on this machine, and their models."""
    from vivavoce.speech import voices

    emit(voices.voices_list(), as_json, _listed)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the voice.")],
    recordings: Annotated[
        list[Path], typer.Argument(metavar="RECORDING", help="A few seconds of clear speech.")
    ],
    transcript: Transcript = None,
    transcript_file: TranscriptFile = None,
    transcribe: Transcribe = False,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Model the voice is for [default: f5-v1]."),
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the recording, BCP 47.")] = "en",
    licence: Annotated[str, typer.Option(help="Licence of the recording.")] = "",
    start: Annotated[float, typer.Option(min=0.0, help="Start of the excerpt, in seconds.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="End of the excerpt, in seconds.")] = None,
    longest: Annotated[
        float, typer.Option(metavar="SECONDS", min=1.0, help="Maximum length of the recording.")
    ] = 600.0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite an existing voice.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a voice from a recording and save it as one file.

    Some models take several recordings of the same person.
    """
    given = transcript is not None or transcript_file is not None
    if given and transcribe:
        raise UsageError(
            "--transcript and --transcribe are mutually exclusive.", "Give one of them."
        )
    words = read_text(transcript, transcript_file) if given else ""
    from vivavoce.speech import voices
    from vivavoce.speech.transcribe import default_transcriber

    download(model)
    voices.voices_add(
        name,
        recordings,
        replace=replace,
        warn=lambda warning: say(f"warning: {warning}"),
        model=model,
        transcript=words,
        language=language,
        licence=licence,
        transcriber=default_transcriber() if transcribe else None,
        start_s=start,
        end_s=end,
        longest_s=longest,
    )
    added = voices.voices_show(name)
    if transcribe:
        say(f"transcript: {added['transcript']}")
    emit(added, as_json, lambda found: found["path"])


@app.command()
def mix(
    name: Annotated[str, typer.Argument(help="Name of the voice.")],
    speakers: Annotated[
        str, typer.Argument(help="A speaker, or several: a+b, or with weights a:3+b:1.")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Model that has these speakers.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite an existing voice.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Save a speaker of a model, or a mix of several, as a voice."""
    from vivavoce.speech import voices

    download(model)
    voices.voices_mix(name, speakers, model, replace=replace)
    emit(voices.voices_show(name), as_json, lambda found: found["path"])


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show everything known about one voice."""
    from vivavoce.speech import voices

    emit(voices.voices_show(name), as_json, facts)


@app.command()
def remove(name: Name) -> None:
    """Delete one of your own voices."""
    from vivavoce.speech import voices

    voices.voices_remove(name)
    say(f"removed {name}")


def _listed(rows: list[dict[str, Any]]) -> str:
    """A row per voice; a model with many speakers has one row, and their names below the table."""
    shown, blocks = list[dict[str, Any]](), list[str]()
    for model, group in groupby(rows, _speaks_for):
        voices = list(group)
        if not model or len(voices) <= FEW:
            shown += voices
            continue
        names, languages = [v["name"] for v in voices], voices[0]["language"]
        many = f"{languages.count(',') + 1} languages" if languages else ""
        shown.append(voices[0] | {"name": f"({len(names)} speakers)", "language": many})
        spoken = f" ({languages})" if languages else ""
        blocks += ["", f"Speakers of {model}{spoken}:", in_columns(names)]
    return "\n".join([table(shown, ("name", "model", "family", "language", "licence")), *blocks])


def _speaks_for(row: dict[str, Any]) -> str:
    """The model whose own speaker it is."""
    return "" if "path" in row or "problem" in row else row["model"]
