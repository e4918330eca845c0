"""`vivavoce speak`: text to a file or a pipe, streamed, so that a book needs no more memory."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.files import read_text, require_writable, write_text
from vivavoce.cli.options import Device, Json, Model, Vocoder
from vivavoce.cli.terminal import Progress, emit, say
from vivavoce.errors import UnknownFormat, UsageError, near_misses

if TYPE_CHECKING:
    from vivavoce.synthesis.engine import TTS
    from vivavoce.types import Word

DEFAULT_FILE = "speech.wav"
SUBTITLES = ("srt", "vtt", "json")
OWN_OPTIONS = ("text", "voice", "speed", "seed", "stages")


def speak(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT|-", help="- is standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A UTF-8 text file.")] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help=f"Audio file, or - [default: {DEFAULT_FILE}].")
    ] = "",
    model: Model = None,
    vocoder: Vocoder = None,
    voice: Annotated[str | None, typer.Option("--voice", "-v", help="Who speaks.")] = None,
    speed: Annotated[float, typer.Option(help="Larger is faster.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same audio.")] = 0,
    device: Device = "auto",
    audio_format: Annotated[
        str | None, typer.Option("--format", help="wav, flac … [default: by the name, wav for -].")
    ] = None,
    subtitles: Annotated[
        list[Path] | None, typer.Option(help="Also write word times: .srt, .vtt or .json.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A model's option.")
    ] = None,
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-V", help="Say what runs where.")] = False,
) -> None:
    """Speak a text."""
    target = destination(output, audio_format, as_json)
    captions = subtitle_files(subtitles or [])
    how = {"voice": voice, "speed": speed, "seed": seed} | model_options(settings or [])
    source = read_text(text, file)

    from vivavoce.text.check import speakable

    speakable(source)

    from vivavoce.synthesis.load import load  # torch comes in here

    download(model, vocoder)
    tts = load(model, vocoder=vocoder, device=device)
    if verbose:
        say(f"acoustic  {tts.name} on {tts.selection.device}: {tts.selection.reason}")
        say(f"vocoder   {type(tts.vocoder).__name__.lower()} on {tts.selection.device}")
    summary = perform(tts, source, target, audio_format, captions, how)
    report(summary, as_json, verbose)


def download(*places: str | None) -> None:
    """Bring what is given by its address, with a bar: the first time it may take minutes."""
    from vivavoce.synthesis import library

    for place in places:
        if place and "://" in place:
            with Progress(place, "bytes") as progress:
                library.prepare(place, progress)


def destination(output: str, audio_format: str | None, as_json: bool) -> Path | None:
    """Where the audio goes, None for stdout; refused now rather than after the work."""
    from vivavoce.audio import formats

    if output == "-":
        if sys.stdout.isatty():
            raise UsageError("Audio would be written to the terminal.", "Use -o FILE or a pipe.")
        formats.find(sys.stdout, audio_format)
        return None
    if not output and not as_json and not sys.stdout.isatty():
        raise UsageError("Should the audio go to this pipe?", "Say -o - for that, or -o FILE.")
    target = Path(output or DEFAULT_FILE)
    formats.find(target, audio_format)
    require_writable(target)
    return target


def subtitle_files(paths: list[Path]) -> list[Path]:
    """Raises UnknownFormat or OutputError for one that could not be written."""
    for path in paths:
        kind = path.suffix.lower().lstrip(".")
        if kind not in SUBTITLES:
            raise UnknownFormat(
                f"Subtitles cannot be written as '{path.name}'.",
                near_misses(kind, SUBTITLES) or f"Known: {', '.join(SUBTITLES)}.",
            )
        require_writable(path)
    return paths


def model_options(settings: list[str]) -> dict[str, Any]:
    """`name=value` pairs. Raises UsageError for what has an option of its own."""
    from vivavoce.config import apply_overrides

    options = apply_overrides({}, settings)
    for name in options:
        if name in OWN_OPTIONS:
            raise UsageError(f"'{name}' is not set with --set.", f"Use --{name}.")
    return options


def perform(
    tts: TTS,
    source: str,
    target: Path | None,
    audio_format: str | None,
    captions: list[Path],
    how: dict[str, Any],
) -> dict[str, Any]:
    """Speak into the target piece by piece; what there is to say about it, as plain data."""
    from vivavoce.audio.io import StreamWriter
    from vivavoce.synthesis.render import Stages
    from vivavoce.synthesis.timing import subtitles

    stages, warnings = Stages(), list[str]()
    words: list[Word] = []
    first_s, samples, begin = None, 0, time.perf_counter()
    writer = StreamWriter(target or sys.stdout.buffer, tts.sample_rate, audio_format)
    with Progress("speaking", "characters") as progress, writer:
        for chunk in tts.stream(source, stages=stages, **how):
            first_s = first_s if first_s is not None else time.perf_counter() - begin
            writer.write(chunk.samples)
            samples += len(chunk.samples)
            for warning in chunk.warnings:
                say(f"warning: {warning}")
            warnings += chunk.warnings
            words += chunk.words if captions else ()
            progress(chunk.end, len(source))
    elapsed = time.perf_counter() - begin
    for path in captions:
        write_text(path, subtitles(words, path.suffix.lower().lstrip(".")))
    seconds = samples / tts.sample_rate
    return {
        "file": str(target or "-"),
        "seconds": round(seconds, 3),
        "rtf": round(elapsed / seconds, 4),
        "first_audio_ms": round(1000 * (first_s or 0.0), 1),
        "stages_s": {name: round(spent, 4) for name, spent in stages.seconds.items()},
        "model": tts.name,
        "voice": how["voice"],
        "seed": how["seed"],
        "device": str(tts.selection.device),
        "reason": tts.selection.reason,
        "subtitles": [str(path) for path in captions],
        "warnings": warnings,
    }


def report(summary: dict[str, Any], as_json: bool, verbose: bool) -> None:
    """JSON on stdout (on stderr when the audio went to stdout), a line for people on stderr."""
    to_stdout = summary["file"] != "-"
    if as_json and to_stdout:
        emit(summary, True, str)
    elif as_json:
        say(json.dumps(summary, ensure_ascii=False))
    elif to_stdout:
        say(f"wrote {summary['file']} ({summary['seconds']:.1f} s)")
    if verbose:
        spent = ", ".join(f"{name} {s:.2f} s" for name, s in summary["stages_s"].items())
        say(f"real-time factor {summary['rtf']} ({spent})")
        say(f"first audio after {summary['first_audio_ms']} ms")
