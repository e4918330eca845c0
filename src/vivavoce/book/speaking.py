"""A book -> an audiobook: passages are spoken into a store, which is then put together.

Putting together always reads the store, also what was spoken just now. So a run that was
interrupted, however often, gives the same samples as one that was not.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vivavoce import files
from vivavoce.book import identity, outputs
from vivavoce.book.assembly import Assembly, Part
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
LOUDNESS_LUFS = -20.0
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
        parts = tuple(Part(n, c, tuple(passages(c, style.paragraph_s))) for n, c in chosen)
        speaker = _Speaker(tts, request.voice, how | {"seed": seed, "style": style})
        store = Store(folder, known)
        parts, problems = _speakable(speaker, store, parts, on_problem == "error")
        assembly = Assembly(store, tts.sample_rate, parts)
        count, found = _speak_all(speaker, assembly, on_progress or _silent)
        tracks, meter = assembly.measured()
        level, lufs = assembly.level(meter, loudness_lufs)
        whole = (assembly.samples(part, level) for part in parts)
        paths = output.write(book, tracks, whole, tts.sample_rate)
        shutil.rmtree(folder, ignore_errors=True)
    end_s = tracks[-1].end_s
    return Audiobook(tuple(paths), tuple(tracks), tuple(problems + found), end_s, lufs, count)


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


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The work folder, for this process only. It goes when nothing was put into it."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(files.lock(folder / LOCK, wait=False))
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
            if folder.is_dir() and [each.name for each in folder.iterdir()] == [LOCK]:
                shutil.rmtree(folder, ignore_errors=True)


def _speakable(
    speaker: _Speaker, store: Store, parts: tuple[Part, ...], strict: bool
) -> tuple[tuple[Part, ...], list[Problem]]:
    """Without the passages that the voice cannot say at all. Raises TextError when `strict`.

    This is found out before hours of work, not after.
    """
    problems: list[Problem] = []
    kept = []
    for part in parts:
        good = []
        for passage in part.passages:
            error = None if passage in store else speaker.fault(passage)
            if error is None:
                good.append(passage)
                continue
            if strict:
                found = Problem(part.chapter.title, passage.text, error.message)
                advice = "Leave such text out with on_problem (--on-problem) skip."
                raise TextError(str(found), advice) from error
            reason = f"left out: {error.message}"
            problems.append(Problem(part.chapter.title, passage.text, reason))
        if good:
            kept.append(replace(part, passages=tuple(good)))
    if not kept:
        raise TextError("This voice can say nothing of the book.", "Choose another voice.")
    return tuple(kept), problems


def _speak_all(
    speaker: _Speaker, work: Assembly, on_progress: OnProgress
) -> tuple[int, list[Problem]]:
    """Speaks what is missing in the store. How many passages that were, and their problems."""
    total = sum(len(passage.text) for part in work.parts for passage in part.passages)
    done, said, count = 0, 0, 0
    problems: list[Problem] = []
    for part in work.parts:
        title = part.chapter.title
        for passage in part.passages:
            on_progress(done, total, title, said)
            spoken = work.store.get(passage, work.rate)
            if spoken is None:
                spoken = speaker.spoken(passage, work.store.key(passage))
                work.store.put(passage, Audio(spoken.samples, work.rate), spoken.warnings)
                count, said = count + 1, said + len(passage.text)
            problems += [Problem(title, passage.text, warning) for warning in spoken.warnings]
            done += len(passage.text)
    on_progress(done, total, "", said)
    return count, problems


@dataclass(frozen=True)
class _Speaker:
    """A voice, and how it speaks."""

    tts: TTS
    voice: Voice
    how: dict[str, Any]

    def fault(self, passage: Passage) -> TextError | None:
        """Why the voice cannot say it."""
        try:
            next(iter(self.tts.plan(passage.marked, self.tts.request(self.voice))))
        except TextError as error:
            return error
        return None

    def spoken(self, passage: Passage, key: str) -> Spoken:
        """The seed follows from the text: what stands before a passage does not change it."""
        how: dict[str, Any] = {**self.how, "seed": int(key[:12], 16)}
        try:
            speech = self.tts.speak(passage.marked, self.voice, **how)
        except GuardError as error:
            raise GuardError(f"'{passage.text[:60]}': {error.message}", error.advice) from error
        return Spoken(speech.samples, speech.warnings)
