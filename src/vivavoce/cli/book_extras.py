"""What `vivavoce book` is asked for beside the voice: casts, lexicons, subtitles, checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.book.checking import Check
    from vivavoce.book.types import Book


@dataclass(frozen=True)
class BookExtras:
    """What the command was given beside the voice."""

    output: Path | None
    plan: bool
    chapters: str | None
    audio_format: str | None
    loudness: str | None
    preset: str | None
    subtitles: str | None
    voices: Path | None
    lexicon: Path | None
    check: bool
    recogniser: str | None
    tries: int
    retry: bool
    strict: bool
    store: Path | None
    as_json: bool


def extras(asked: BookExtras, book: Book) -> dict[str, Any]:
    """What `book.speak` takes beside the voice. Mistakes in files are told before a model loads."""
    from vivavoce.book import casting
    from vivavoce.text import lexicon

    if asked.preset and asked.loudness:
        raise UsageError("--preset and --loudness are mutually exclusive.", "Give one of them.")
    if asked.tries < 1:
        raise UsageError(f"--tries is {asked.tries}.", "Use 1 or more.")
    kinds = [kind.strip() for kind in asked.subtitles.split(",")] if asked.subtitles else []
    return {
        "format": asked.audio_format,
        "loudness_lufs": _lufs(asked.loudness or "-20"),
        "preset": asked.preset,
        "subtitles": kinds,
        "cast": casting.read(asked.voices, book) if asked.voices else None,
        "lexicon": lexicon.read(asked.lexicon) if asked.lexicon else None,
        "check": _check(asked) if asked.check else None,
        "retry": asked.retry,
        "store": asked.store,
    }


def _check(asked: BookExtras) -> Check:
    from vivavoce.book.checking import Check
    from vivavoce.speech.transcribe import DEFAULT_MODEL, default_transcriber

    name = asked.recogniser or DEFAULT_MODEL
    return Check(default_transcriber(name), f"{name}, {asked.tries} tries", asked.tries)


def _lufs(written: str) -> float | None:
    from vivavoce.cli.writing import LOUDNESS_LUFS

    if written == "off":
        return None
    low, high = LOUDNESS_LUFS
    try:
        value = float(written)
    except ValueError:
        value = high + 1.0
    if not low <= value <= high:
        raise UsageError(f"--loudness is '{written}'.", f"Give {low:g} to {high:g} LUFS, or off.")
    return value
