"""A book -> an audiobook: passages are spoken into a store, which is then put together.

Putting together always reads the store, also what was spoken just now. So a run that was
interrupted, however often, gives the same samples as one that was not.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vivavoce.book import captions, mastering, outputs
from vivavoce.book.assembly import Assembly, SpokenChapter
from vivavoce.book.casting import ONE_VOICE, Casting
from vivavoce.book.checking import Check
from vivavoce.book.mastering import LOUDNESS_LUFS, MOST_MISSED_DB, Level, Master
from vivavoce.book.outputs import Track
from vivavoce.book.passages import Manuscript, Problem
from vivavoce.book.speakers import Speakers
from vivavoce.book.types import Book, Chapter
from vivavoce.errors import TextError, UsageError
from vivavoce.speech.keeping import alone, unfinished
from vivavoce.text.lexicon import Lexicon
from vivavoce.text.passages import Style

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice

OnProgress = Callable[[int, int, str, int], None]
"""Called with the characters that are done, of how many, the chapter's title, and how many of the
characters were spoken by this call: the others were in the store."""


@dataclass(frozen=True)
class Audiobook:
    """What `speak` made. `files` are the audio files; `spoken` counts what was not in the store."""

    files: tuple[Path, ...]
    tracks: tuple[Track, ...]
    problems: tuple[Problem, ...]
    seconds: float
    lufs: float
    spoken: int
    subtitles: tuple[Path, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "files": [str(path) for path in self.files],
            "subtitles": [str(path) for path in self.subtitles],
            "seconds": round(self.seconds, 3),
            "lufs": round(self.lufs, 2) if np.isfinite(self.lufs) else None,
            "chapters": [asdict(track) for track in self.tracks],
            "problems": [asdict(problem) for problem in self.problems],
            "spoken": self.spoken,
        }


def speak(
    tts: TTS,
    book: Book,
    target: str | Path,
    *,
    voice: str | Voice | None = None,
    chapters: Sequence[int] | None = None,
    format: str | None = None,  # noqa: A002 - the word everybody uses
    loudness_lufs: float | None = LOUDNESS_LUFS,
    preset: str | None = None,
    on_problem: str = "error",
    speed: float = 1.0,
    seed: int = 0,
    style: Style | None = None,
    cast: Casting | None = None,
    lexicon: Lexicon | None = None,
    subtitles: Sequence[str] = (),
    check: Check | None = None,
    retry: bool = False,
    store: str | Path | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Audiobook:
    """Speak the book into `target`: one file if it ends in .m4b, else a folder of files.

    Finished passages are stored in `unfinished(target)` until the audiobook is complete: the same
    call resumes after an interruption. A `store` keeps them for other books and later calls.
    `chapters` are numbers from 1; all by default. `format` is that of the files in a folder.
    `loudness_lufs` is that of the whole book, with peaks below -3 dB; None does not change it;
    `preset` (acx, audible, podcast) replaces it. `on_problem` is as in `TTS.speak`; text that the
    voice cannot speak is a problem too. `cast` assigns voices, `lexicon` pronunciations.
    `subtitles` are srt, vtt, lrc or json. `check` is a recogniser; `retry` speaks passages with
    problems of an earlier call again. `options` are the model's.

    Raises UsageError (chapters, two processes at one target), TextError, GuardError, OutputError,
    UnknownFormat, MissingExtra, VoiceError.
    """
    target = Path(target)
    master = mastering.preset(preset) if preset else Master(loudness_lufs)
    output = outputs.find(target, format or master.format, master, len(book.chapters))
    captions.require(subtitles, isinstance(output, outputs.OneFile))
    chosen = select(book, chapters)
    style = replace(style or Style(), markup=False)
    how = options | {"speed": speed, "on_problem": on_problem, "seed": seed, "style": style}
    texts = cast or ONE_VOICE, lexicon, style.paragraph_s, tts.model.reads_phonemes
    manuscript = Manuscript(*texts, book.language)
    with alone(unfinished(target)) as folder:
        speakers = Speakers(tts, voice, how, Path(store) if store else folder, check)
        parts = tuple(SpokenChapter(n, c, tuple(manuscript.passages(n, c))) for n, c in chosen)
        parts, problems = _speakable(speakers, parts, on_problem == "error")
        count, found = _speak_all(speakers, parts, retry, on_progress or _silent)
        work = Assembly(speakers.get, tts.sample_rate, parts)
        made = _written(output, book, work, master, subtitles)
        shutil.rmtree(folder, ignore_errors=True)
    return replace(made, problems=(*problems, *found, *made.problems), spoken=count)


def _written(
    output: outputs.Output, book: Book, work: Assembly, master: Master, kinds: Sequence[str]
) -> Audiobook:
    """The audio files and subtitles of what is spoken. Its problems are those of loudness."""
    measured = work.measured()
    levels, lufs = work.levels(measured, master)
    tracks = measured.tracks
    whole = (work.samples(part, level) for part, level in zip(work.parts, levels, strict=True))
    paths = output.write(book, tracks, whole, work.rate)
    beside = output.subtitles(tracks, measured.cues, kinds)
    problems = _too_soft(work.parts, levels, master)
    length = tracks[-1].end_s, lufs, 0, tuple(beside)
    return Audiobook(tuple(paths), tuple(tracks), tuple(problems), *length)


def _too_soft(
    parts: tuple[SpokenChapter, ...], levels: list[Level], master: Master
) -> list[Problem]:
    """Chapters that a shop may refuse."""
    return [
        Problem(
            part.chapter.title,
            "",
            f"its level is {master.rms_db - level.missed_db:.1f} dB RMS, not {master.rms_db:g}: "
            "it holds too much silence",
        )
        for part, level in zip(parts, levels, strict=True)
        if master.rms_db is not None and level.missed_db > MOST_MISSED_DB
    ]


def select(book: Book, numbers: Sequence[int] | None) -> list[tuple[int, Chapter]]:
    """The chapters of these numbers, from 1, in the order of the book. Raises UsageError."""
    if numbers is None:
        return list(enumerate(book.chapters, 1))
    wrong = [number for number in numbers if not 1 <= number <= len(book.chapters)]
    if wrong or not numbers:
        raise UsageError(
            f"There is no chapter {wrong[0]}." if wrong else "No chapter is chosen.",
            f"Choose 1 to {len(book.chapters)}; --plan lists them.",
        )
    return [(number, book.chapters[number - 1]) for number in sorted(set(numbers))]


def _silent(done: int, total: int, title: str, spoken: int) -> None:
    return None


def _speakable(
    speakers: Speakers, parts: tuple[SpokenChapter, ...], strict: bool
) -> tuple[tuple[SpokenChapter, ...], list[Problem]]:
    """Without the passages that the voice cannot say at all. Raises TextError when `strict`.

    This is found out before hours of work, not after. A chapter of which nothing is left stays, as
    a moment of silence with its title: the numbers and the contents are those of the book.
    """
    problems: list[Problem] = []
    kept = []
    for part in parts:
        good = []
        for passage in part.passages:
            speaker = speakers.of(passage)
            error = None if passage.marked in speaker.store else speaker.fault(passage)
            if error is None:
                good.append(passage)
                continue
            if strict:
                found = Problem(part.chapter.title, passage.text, error.message)
                advice = "Leave such text out with on_problem (--on-problem) skip."
                raise TextError(str(found), advice) from error
            reason = f"left out: {error.message}"
            problems.append(Problem(part.chapter.title, passage.text, reason))
        if part.passages:
            kept.append(replace(part, passages=tuple(good)))
    if not any(part.passages for part in kept):
        raise TextError("This voice can speak none of the book's text.", "Choose another voice.")
    return tuple(kept), problems


def _speak_all(
    speakers: Speakers, parts: tuple[SpokenChapter, ...], retry: bool, on_progress: OnProgress
) -> tuple[int, list[Problem]]:
    """Speaks what is missing in the store. How many passages that were, and their problems."""
    total = sum(len(passage.text) for part in parts for passage in part.passages)
    done, said, count = 0, 0, 0
    problems: list[Problem] = []
    for part in parts:
        title = part.chapter.title
        for passage in part.passages:
            on_progress(done, total, title, said)
            spoken = speakers.get(passage)
            again = retry and spoken is not None and bool(spoken.warnings)
            if spoken is None or again:
                spoken = speakers.speak(passage, again)
                count, said = count + 1, said + len(passage.text)
            problems += [Problem(title, passage.text, warning) for warning in spoken.warnings]
            done += len(passage.text)
    on_progress(done, total, "", said)
    return count, problems
