"""`vivavoce book`: a book as an audiobook with chapters, or what would be read of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli import model_flags
from vivavoce.cli import options as o
from vivavoce.cli.book_report import Teller, plan_text, report
from vivavoce.cli.terminal import emit, say
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.book.speaking import Audiobook
    from vivavoce.book.types import Book
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice

_OUTPUT = typer.Option(
    "--output", "-o", metavar="FILE|FOLDER", rich_help_panel="Output",
    help="An .m4b file with chapters, or a folder for a file per chapter.",
)  # fmt: skip
_PLAN = typer.Option("--plan", rich_help_panel="Output", help="Show what would be read; no speech.")
_CHAPTERS = typer.Option(
    metavar="3-5,9", rich_help_panel="Text", help="Chapters, as --plan counts."
)
_NOTES = typer.Option("--notes", rich_help_panel="Text", help="Read footnotes where they stand.")
_ALT = typer.Option("--alt", rich_help_panel="Text", help="Read the descriptions of pictures.")
_RUBY = typer.Option(
    metavar="reading|base", rich_help_panel="Text", help="What to read of annotated words."
)
_LOUDNESS = typer.Option(
    metavar="LUFS|off", rich_help_panel="Output", help="Loudness of the whole book."
)


@model_flags.with_model_options
def book(
    source: Annotated[Path, typer.Argument(metavar="BOOK", help=".epub, .pdf, .txt, .md, .html")],
    output: Annotated[Path | None, _OUTPUT] = None,
    plan: Annotated[bool, _PLAN] = False,
    chapters: Annotated[str | None, _CHAPTERS] = None,
    notes: Annotated[bool, _NOTES] = False,
    alt: Annotated[bool, _ALT] = False,
    ruby: Annotated[str, _RUBY] = "reading",
    model: o.Model = None,
    vocoder: o.Vocoder = None,
    voice: o.Voice = None,
    ref: o.Recordings = None,
    transcript: o.Transcript = None,
    transcript_file: o.TranscriptFile = None,
    transcribe: o.Transcribe = False,
    language: o.Spoken = None,
    speed: o.Speed = 1.0,
    sentence_silence: o.SentenceSilence = None,
    paragraph_silence: o.ParagraphSilence = None,
    seed: o.Seed = 0,
    on_problem: o.OnProblem = "error",
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    fast: o.Fast = False,
    audio_format: o.Format = None,
    loudness: Annotated[str, _LOUDNESS] = "-20",
    settings: o.Settings = None,
    as_json: o.Json = False,
    *,
    options: dict[str, Any],
) -> None:
    """Read a book aloud, into an audiobook with chapters.

    A run that was interrupted is repeated with the same command, and goes on.
    """
    from vivavoce.book import overview, reading
    from vivavoce.book.markup import Reading

    if ruby not in ("reading", "base"):
        raise UsageError(f"--ruby is '{ruby}'.", "Use reading or base.")
    found = reading.read(source, Reading(notes=notes, alt=alt, ruby=ruby))
    numbers = overview.numbers(chapters, len(found.chapters))
    if plan:
        chosen = [found.chapters[n - 1] for n in numbers] if numbers else found.chapters
        emit(overview.overview(found, chosen, speed), as_json, plan_text)
        return
    if output is None:
        raise UsageError("No output is given.", "Use -o book.m4b, or --plan to look first.")
    how = model_flags.merged(options, settings)
    how |= {"loudness_lufs": _lufs(loudness), "format": audio_format, "on_problem": on_problem}
    how |= {"speed": speed, "seed": seed, "style": _style(sentence_silence, paragraph_silence)}
    who = (voice, ref, transcript, transcript_file, language, transcribe, None)
    tts, spoken_by, extra = _speaker(who, (model, vocoder, device, precision, fast), options)
    _check_language(found, tts, spoken_by, language)
    made = _perform(tts, found, output, {"voice": spoken_by, "chapters": numbers} | how | extra)
    report(made, output, as_json)


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


def _style(sentence_s: float | None, paragraph_s: float | None) -> Any:
    from vivavoce.text.passages import Style

    return Style(sentence_s=sentence_s, paragraph_s=paragraph_s)


def _speaker(
    who: tuple[Any, ...], what: tuple[Any, ...], options: dict[str, Any]
) -> tuple[TTS, str | Voice | None, dict[str, Any]]:
    """The engine, the voice, and the model's option for the language."""
    from vivavoce.cli.output import download
    from vivavoce.cli.voicing import speaker, spoken_language, voice_of
    from vivavoce.speech.load import load  # torch comes in here

    asked = speaker(*who)
    model, vocoder, device, precision, fast = what
    download(model, vocoder)
    tts = load(model, vocoder=vocoder, device=device, precision=precision, fast=fast)
    extra = spoken_language(tts, asked)
    model_flags.require_known(options | extra, tts)
    voice = voice_of(tts, asked, "")
    return tts, voice, extra  # type: ignore[return-value] - a text without tags has no cast


def _check_language(book: Book, tts: TTS, voice: str | Voice | None, asked: str | None) -> None:
    spoken = asked or tts.request(voice).voice.language
    written = book.language
    if written and spoken != "auto" and written[:2].lower() != spoken[:2].lower():
        say(f"warning: the book is in '{written}', and the voice speaks '{spoken}'")


def _perform(tts: TTS, book: Book, output: Path, how: dict[str, Any]) -> Audiobook:
    from vivavoce.book import speaking

    with _telling_what_is_kept(speaking.unfinished(output)), Teller(book) as told:
        return speaking.speak(tts, book, output, on_progress=told, **how)


@contextmanager
def _telling_what_is_kept(folder: Path) -> Iterator[None]:
    """Whatever ends the work: on stderr, where the speech is that is done."""
    try:
        yield
    except BaseException:
        count = sum(1 for _ in folder.glob("*/*.flac"))
        if count:
            say(f"kept {count} passages in {folder}; the same command goes on from there")
        raise
