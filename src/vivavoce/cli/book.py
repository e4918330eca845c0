"""`vivavoce book`: a book as an audiobook with chapters, or what would be read of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli import model_flags
from vivavoce.cli import options as o
from vivavoce.cli.book_extras import BookExtras, extras
from vivavoce.cli.book_report import Teller, plan_text, report
from vivavoce.cli.terminal import emit, say
from vivavoce.cli.writing import telling_what_is_kept
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.book.speaking import Audiobook
    from vivavoce.book.types import Book
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice


def _in(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar)


_OUTPUT = _in(
    "Output", "An .m4b file with chapters, or a folder for a file per chapter.",
    "--output", "-o", metavar="FILE|FOLDER",
)  # fmt: skip
_PLAN = _in("Output", "Show what would be read, without speaking.", "--plan")
_CHAPTERS = _in("Text", "Chapter numbers, as in --plan.", metavar="3-5,9")
_NOTES = _in("Text", "Read footnotes at their place in the text.", "--notes")
_ALT = _in("Text", "Read the descriptions of pictures.", "--alt")
_RUBY = _in("Text", "Words with ruby: read the annotation or the base.", metavar="reading|base")
_LEXICON = _in("Text", "TOML file with the pronunciation of words.", metavar="FILE")
_VOICES = _in("Voice", "TOML file with voices by chapter and for dialogue.", metavar="FILE")
_LOUDNESS = _in("Output", "Loudness of the whole book [default: -20].", metavar="LUFS|off")
_PRESET = _in("Output", "Loudness and format for acx, audible or podcast.", metavar="NAME")
_SUBTITLES = _in("Output", "Subtitle formats: srt,vtt,lrc,json.", metavar="KINDS")
_STORE = _in("Output", "Cache folder of speech, shared with later runs.", metavar="FOLDER")
_CHECK = _in("Advanced", "Check the speech with a recogniser (needs vivavoce[asr]).", "--check")
_LISTENER = _in("Advanced", "Recogniser, by name or folder.", "--recogniser", metavar="NAME")
_TRIES = _in("Advanced", "Attempts at a passage that fails --check.", metavar="COUNT")
_RETRY = _in("Advanced", "Speak passages with problems again.", "--retry")
_STRICT = _in("Advanced", "Exit with 1 if a passage has a problem.", "--strict")


@model_flags.with_model_options
def book(
    source: Annotated[
        Path, typer.Argument(metavar="BOOK", help=".epub, .docx, .pdf, .txt, .md, .html")
    ],
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
    loudness: Annotated[str | None, _LOUDNESS] = None,
    preset: Annotated[str | None, _PRESET] = None,
    subtitles: Annotated[str | None, _SUBTITLES] = None,
    voices: Annotated[Path | None, _VOICES] = None,
    lexicon: Annotated[Path | None, _LEXICON] = None,
    check: Annotated[bool, _CHECK] = False,
    recogniser: Annotated[str | None, _LISTENER] = None,
    tries: Annotated[int, _TRIES] = 3,
    retry: Annotated[bool, _RETRY] = False,
    strict: Annotated[bool, _STRICT] = False,
    store: Annotated[Path | None, _STORE] = None,
    settings: o.Settings = None,
    as_json: o.Json = False,
    *,
    options: dict[str, Any],
) -> None:
    """Turn a book into an audiobook with chapters.

    The same command resumes an interrupted run.
    """
    given = locals()  # sixteen of them go on as they are
    asked = BookExtras(**{name: given[name] for name in BookExtras.__dataclass_fields__})
    found = _read(source, notes, alt, ruby)
    how = model_flags.merged(options, settings)
    how |= {"speed": speed, "seed": seed, "style": _style(sentence_silence, paragraph_silence)}
    who = (voice, ref, transcript, transcript_file, language, transcribe, None)
    what = (model, vocoder, device, precision, fast)
    _make(found, asked, who, what, options, how | {"on_problem": on_problem})


def _read(source: Path, notes: bool, alt: bool, ruby: str) -> Book:
    from vivavoce.book import reading
    from vivavoce.book.markup import Reading

    if ruby not in ("reading", "base"):
        raise UsageError(f"--ruby is '{ruby}'.", "Use reading or base.")
    return reading.read(source, Reading(notes=notes, alt=alt, ruby=ruby))


def _make(
    found: Book,
    asked: BookExtras,
    who: tuple[Any, ...],
    what: tuple[Any, ...],
    options: dict[str, Any],
    how: dict[str, Any],
) -> None:
    """The plan, or the audiobook."""
    from vivavoce.book import overview

    numbers = overview.numbers(asked.chapters, len(found.chapters))
    if asked.plan:
        chosen = [found.chapters[n - 1] for n in numbers] if numbers else found.chapters
        emit(overview.overview(found, chosen, how["speed"]), asked.as_json, plan_text)
        return
    if asked.output is None:
        raise UsageError("No output is given.", "Use -o book.m4b, or --plan to look first.")
    how |= {"chapters": numbers, **extras(asked, found)}
    tts, spoken_by, extra = _speaker(who, what, options)
    _check_language(found, tts, spoken_by, who[4])
    made = _perform(tts, found, asked.output, {"voice": spoken_by} | how | extra)
    report(made, asked.output, asked.as_json)
    if asked.strict and made.problems:
        raise typer.Exit(1)


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
    from vivavoce.speech import keeping

    with telling_what_is_kept(keeping.unfinished(output)), Teller(book) as told:
        return speaking.speak(tts, book, output, on_progress=told, **how)
