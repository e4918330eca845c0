"""A book -> an audiobook: passages are spoken into a store, which is then put together.

Putting together always reads the store, also what was spoken just now. So a run that was
interrupted, however often, gives the same samples as one that was not.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vivavoce import files
from vivavoce.audio.loudness import Meter, from_db
from vivavoce.book import identity, outputs
from vivavoce.book.limiter import limited
from vivavoce.book.outputs import Track
from vivavoce.book.passages import Passage, Problem, Spoken, Store, passages
from vivavoce.book.types import Book, Chapter
from vivavoce.errors import GuardError, OutputError, TextError, UsageError
from vivavoce.text.passages import Style
from vivavoce.types import Audio

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice

LOCK = ".lock"
HEAD_S, TAIL_S = 0.75, 1.5
"""Silence before and after each chapter."""

LOUDNESS_LUFS = -20.0
PEAK_LIMIT_DB = -3.0
"""Of true peaks: what audiobook shops ask for."""
MARGIN_DB = 1.0
"""True peaks are so much above the largest sample, or less."""

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

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "files": [str(path) for path in self.files],
            "seconds": round(self.seconds, 3),
            "lufs": round(self.lufs, 2) if np.isfinite(self.lufs) else None,
            "chapters": [asdict(track) for track in self.tracks],
            "problems": [asdict(problem) for problem in self.problems],
            "spoken": self.spoken,
        }


@dataclass(frozen=True)
class _Level:
    """A gain in dB, and a ceiling for peaks where one is needed."""

    gain_db: float
    ceiling_db: float | None

    def applied(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        louder = samples * np.float32(from_db(self.gain_db))
        return louder if self.ceiling_db is None else limited(louder, rate, self.ceiling_db)[0]


AS_SPOKEN = _Level(0.0, None)


@dataclass(frozen=True)
class _Work:
    """Chapters with their passages, and who speaks them."""

    tts: TTS
    voice: Voice
    how: dict[str, Any]
    store: Store
    chapters: tuple[tuple[Chapter, tuple[Passage, ...]], ...]

    @property
    def characters(self) -> int:
        return sum(len(p.text) for _, each in self.chapters for p in each)


def unfinished(target: str | Path) -> Path:
    """The folder beside the target in which the work lies until the audiobook is complete."""
    target = Path(target)
    return target.with_name(f"{target.name}.unfinished")


def speak(
    tts: TTS,
    book: Book,
    target: str | Path,
    *,
    voice: str | Voice | None = None,
    chapters: Sequence[int] | None = None,
    format: str | None = None,  # noqa: A002 - the word everybody uses
    loudness_lufs: float | None = LOUDNESS_LUFS,
    on_problem: str = "error",
    speed: float = 1.0,
    seed: int = 0,
    style: Style | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Audiobook:
    """Speaks the book into `target`: one file where that ends in .m4b, else a folder of files.

    What is spoken is kept in `unfinished(target)` until the audiobook is complete: a call that was
    interrupted is repeated, and goes on. `chapters` are numbers from 1; all by default. `format`
    is that of the files in a folder. `loudness_lufs` is that of the whole book, with peaks below
    -3 dB; None leaves the samples as they are. `on_problem` is as in `TTS.speak`; text that the
    voice cannot say counts as a problem too. `options` are the model's.

    Raises UsageError (chapters, a second process at the same target), TextError, GuardError,
    OutputError, UnknownFormat, MissingExtra.
    """
    target = Path(target)
    output = outputs.find(target, format)
    chosen = select(book, chapters)
    style = replace(style or Style(), markup=False)
    how = options | {"speed": speed, "on_problem": on_problem}
    request = tts.request(voice, seed=seed, **how)
    known = identity.facts(tts, request) | {"style": repr(style)}
    with _alone(unfinished(target)) as folder:
        spoken = tuple((c, tuple(passages(c, style.paragraph_s))) for c in chosen)
        how |= {"seed": seed, "style": style}
        work = _Work(tts, request.voice, how, Store(folder, known), spoken)
        work, problems = _speakable(work, on_problem == "error")
        count, found = _speak_all(work, on_progress or _silent)
        level, lufs = _level(work, loudness_lufs)
        tracks = _tracks(work, book)
        whole = (_chapter(work, each, level) for _, each in work.chapters)
        paths = output.write(book, tracks, whole, tts.sample_rate)
        shutil.rmtree(folder, ignore_errors=True)
    end_s = tracks[-1].end_s
    return Audiobook(tuple(paths), tuple(tracks), tuple(problems + found), end_s, lufs, count)


def select(book: Book, numbers: Sequence[int] | None) -> tuple[Chapter, ...]:
    """The chapters of these numbers, from 1, in the order of the book. Raises UsageError."""
    if numbers is None:
        return book.chapters
    wrong = [number for number in numbers if not 1 <= number <= len(book.chapters)]
    if wrong or not numbers:
        raise UsageError(
            f"There is no chapter {wrong[0]}." if wrong else "No chapter is chosen.",
            f"Choose 1 to {len(book.chapters)}; --plan lists them.",
        )
    return tuple(book.chapters[number - 1] for number in sorted(set(numbers)))


def _silent(done: int, total: int, title: str, spoken: int) -> None:
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The work folder, for this process only."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        guard = files.lock(folder / LOCK, wait=False)
        guard.__enter__()
    except BlockingIOError as error:
        raise UsageError(
            f"Another process is making this audiobook in {folder}.", "Wait until it has ended."
        ) from error
    except OSError as error:
        raise OutputError(
            f"Cannot write {folder}: {error.strerror}.", "Choose another place for the output."
        ) from error
    try:
        yield folder
    finally:
        guard.__exit__(None, None, None)
        if folder.is_dir() and [each.name for each in folder.iterdir()] == [LOCK]:
            shutil.rmtree(folder, ignore_errors=True)


def _speakable(work: _Work, strict: bool) -> tuple[_Work, list[Problem]]:
    """Without the passages that the voice cannot say at all. Raises TextError when `strict`.

    This is found out before hours of work, not after.
    """
    problems: list[Problem] = []
    kept = []
    request = work.tts.request(work.voice)
    for chapter, every in work.chapters:
        good = []
        for passage in every:
            if passage in work.store:
                good.append(passage)
                continue
            try:
                next(iter(work.tts.plan(passage.marked, request)))
                good.append(passage)
            except TextError as error:
                if strict:
                    found = Problem(chapter.title, passage.text, error.message)
                    advice = "Leave such text out with on_problem (--on-problem) skip."
                    raise TextError(str(found), advice) from error
                reason = f"left out: {error.message}"
                problems.append(Problem(chapter.title, passage.text, reason))
        if good:
            kept.append((chapter, tuple(good)))
    if not kept:
        raise TextError("This voice can say nothing of the book.", "Choose another voice.")
    return replace(work, chapters=tuple(kept)), problems


def _speak_all(work: _Work, on_progress: OnProgress) -> tuple[int, list[Problem]]:
    """Speaks what is missing in the store. How many passages that were, and their problems."""
    total, done, said, count = work.characters, 0, 0, 0
    problems: list[Problem] = []
    rate = work.tts.sample_rate
    for chapter, every in work.chapters:
        for passage in every:
            on_progress(done, total, chapter.title, said)
            spoken = work.store.get(passage, rate)
            if spoken is None:
                spoken = _spoken(work, passage)
                work.store.put(passage, Audio(spoken.samples, rate), spoken.warnings)
                count, said = count + 1, said + len(passage.text)
            problems += [Problem(chapter.title, passage.text, w) for w in spoken.warnings]
            done += len(passage.text)
    on_progress(done, total, "", said)
    return count, problems


def _spoken(work: _Work, passage: Passage) -> Spoken:
    """The seed follows from the text: what stands before a passage does not change it."""
    seed = int(work.store.key(passage)[:12], 16)
    try:
        speech = work.tts.speak(passage.marked, work.voice, **(work.how | {"seed": seed}))
    except GuardError as error:
        raise GuardError(f"'{passage.text[:60]}': {error.message}", error.advice) from error
    return Spoken(speech.samples, speech.warnings)


def _tracks(work: _Work, book: Book) -> list[Track]:
    """Where the chapters lie, counted in samples."""
    rate = work.tts.sample_rate
    numbers = {id(chapter): number for number, chapter in enumerate(book.chapters, 1)}
    tracks: list[Track] = []
    begin = 0
    for chapter, every in work.chapters:
        end = begin + sum(len(samples) for samples in _chapter(work, every, AS_SPOKEN))
        tracks.append(Track(numbers[id(chapter)], chapter.title, begin / rate, end / rate))
        begin = end
    return tracks


def _level(work: _Work, target_lufs: float | None) -> tuple[_Level, float]:
    """What brings the book to the loudness, and the loudness that it then has, in LUFS.

    Limiting peaks takes a little away, so what is limited is measured again.
    """
    meter = _metered(work, AS_SPOKEN)
    if target_lufs is None or not np.isfinite(meter.lufs):
        return AS_SPOKEN, meter.lufs
    gain_db = target_lufs - meter.lufs
    if meter.peak_db + gain_db <= PEAK_LIMIT_DB - MARGIN_DB:
        return _Level(gain_db, None), target_lufs
    missing_db = target_lufs - _metered(work, _Level(gain_db, PEAK_LIMIT_DB)).lufs
    level = _Level(gain_db + missing_db, PEAK_LIMIT_DB)
    return level, _metered(work, level).lufs


def _metered(work: _Work, level: _Level) -> Meter:
    meter = Meter(work.tts.sample_rate)
    for _, every in work.chapters:
        for samples in _chapter(work, every, level):
            meter.add(samples)
    return meter


def _chapter(
    work: _Work, every: tuple[Passage, ...], level: _Level
) -> Iterator[NDArray[np.float32]]:
    """The samples of a chapter, passage by passage, from the store."""
    rate = work.tts.sample_rate
    yield np.zeros(round(HEAD_S * rate), np.float32)
    for passage in every:
        spoken = work.store.get(passage, rate)
        if spoken is None:
            raise OutputError(
                f"{work.store.folder} has lost what was spoken.", "Run the same command again."
            )
        yield level.applied(spoken.samples, rate)
    yield np.zeros(round(TAIL_S * rate), np.float32)
