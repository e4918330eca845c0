"""`vivavoce edit`: other words in a recording, in the voice of who speaks there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli import model_flags
from vivavoce.cli import options as o
from vivavoce.cli.files import read_text
from vivavoce.cli.output import destination, download, report
from vivavoce.cli.terminal import Progress, say
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.speech.edits import Replacement
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.result import Speech


@model_flags.with_model_options
def edit(
    recording: Annotated[Path, typer.Argument(help="Recording of one person, at most 30 s.")],
    words: Annotated[
        list[str] | None, typer.Argument(help="New words, one argument per --replace.")
    ] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(metavar="START:END[:SECONDS]", help="Span to replace, and its new length."),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Full text of the edited recording.")] = None,
    target_file: Annotated[Path | None, typer.Option(help="Text file with the full text.")] = None,
    output: o.Output = "",
    model: Annotated[
        str, typer.Option("--model", "-m", help="Model that clones voices.")
    ] = "f5-v1",
    vocoder: o.Vocoder = None,
    language: o.Language = None,
    speed: o.Speed = 1.0,
    seed: o.Seed = 0,
    on_problem: o.OnProblem = "error",
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    fast: o.Fast = False,
    audio_format: o.Format = None,
    settings: o.Settings = None,
    as_json: o.Json = False,
    *,
    options: dict[str, Any],
) -> None:
    """Replace words in a recording.

    Replaces the seconds from START to END with WORDS; the rest of the recording is unchanged.
    """
    place = destination(output, audio_format, as_json)
    how = model_flags.merged(options, settings)
    replacements = spans(replace or [], words or [])
    if target is None and target_file is None:
        raise UsageError("--target is missing.", "Give the full text of the edited recording.")
    whole = read_text(target, target_file)

    from vivavoce.audio import io
    from vivavoce.speech import edits
    from vivavoce.speech.load import load  # torch comes in here

    edits.check(replacements, whole, io.read(recording))
    download(model, vocoder)
    tts = load(model, vocoder=vocoder, device=device, precision=precision, fast=fast)
    model_flags.require_known(how, tts)
    how |= {"language": language or "en", "speed": speed, "seed": seed, "on_problem": on_problem}
    with Progress("editing", "steps") as progress:
        speech = tts.edit(recording, replacements, whole, on_step=progress, **how)
    for warning in speech.warnings:
        say(f"warning: {warning}")
    io.write(place or sys.stdout.buffer, speech, audio_format)
    report(_summary(place, tts, speech), as_json)


def _summary(place: Path | None, tts: TTS, speech: Speech) -> dict[str, Any]:
    return {
        "file": str(place or "-"),
        "seconds": round(speech.duration_s, 3),
        "model": tts.name,
        "seed": speech.seed,
        "device": tts.selection.name,
        "warnings": list(speech.warnings),
    }


def spans(replace: list[str], words: list[str]) -> list[Replacement]:
    """`START:END[:SECONDS]` with the words that belong to each, in order. Raises UsageError."""
    from vivavoce.speech.edits import Replacement

    if len(replace) != len(words):
        raise UsageError(
            f"Got {len(replace)} --replace and {len(words)} WORDS; they must be equal in number.",
            'Example: vivavoce edit in.wav --replace 1.2:2.0 "new words" --target "all of it".',
        )
    found = []
    for span, said in zip(replace, words, strict=True):
        try:
            start, end, *seconds = (float(part) for part in span.split(":"))
            found.append(Replacement(start, end, said, *seconds))
        except (ValueError, TypeError) as error:
            message = f"'{span}' is not START:END or START:END:SECONDS."
            raise UsageError(message, "For example: --replace 1.2:2.0") from error
    return found
