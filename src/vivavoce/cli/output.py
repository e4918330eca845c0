"""Where audio goes and what is said about it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.cli.files import require_writable
from vivavoce.cli.terminal import Progress, emit, say
from vivavoce.errors import UnknownFormat, UsageError, near_misses

if TYPE_CHECKING:
    from vivavoce.hub.fetch import Given

DEFAULT_FILE = "speech.wav"
SUBTITLES = ("srt", "vtt", "json")


def destination(output: str, audio_format: str | None, as_json: bool) -> Path | None:
    """Where the audio goes, None for stdout; refused now rather than after the work."""
    from vivavoce.audio import formats

    if output == "-":
        if sys.stdout.isatty():
            raise UsageError("Audio would be written to the terminal.", "Use -o FILE or a pipe.")
        formats.find(sys.stdout, audio_format)
        return None
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


def download(model: str | None, vocoder: str | None = None, given: Given | None = None) -> None:
    """Download what is named by an address, with a bar: the first time it may take minutes.

    The model of a training run is brought up to its newest checkpoint.
    """
    from vivavoce.hub import library, resolve

    if model and resolve.is_run(Path(model)):
        from vivavoce.train import exports

        exports.refreshed(Path(model))
    for place, files in ((model, given), (vocoder, None)):
        if place and "://" in place:
            with Progress(place, "bytes") as progress:
                library.prepare(place, progress, files)


def report(summary: dict[str, Any], as_json: bool, verbose: bool = False) -> None:
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
