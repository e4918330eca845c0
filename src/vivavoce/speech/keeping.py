"""Speech kept beside its target until all of it is there, so that an interrupted run goes on.

`speak` keeps utterances here, a book its passages: both in the store that finds speech by content.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from vivavoce import files
from vivavoce.errors import OutputError, UsageError
from vivavoce.speech import identity
from vivavoce.speech.join import Piece
from vivavoce.speech.store import Store, StoredSpeech
from vivavoce.types import Audio, AudioChunk, Word

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.plan import Utterance
    from vivavoce.speech.rendering import Request
    from vivavoce.speech.session import Session

LOCK = ".lock"


def unfinished(target: str | Path) -> Path:
    """The folder beside the target in which the work lies until the target is complete."""
    target = Path(target)
    return target.with_name(f"{target.name}.unfinished")


def count(folder: Path) -> int:
    """How many pieces of speech are kept there."""
    return sum(1 for path in folder.glob("??/*") if path.suffix in (".flac", ".wav"))


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """The work folder, for this process only. It goes when nothing was put into it, or when its
    content was removed.

    Raises UsageError where another process has it, OutputError.
    """
    with ExitStack() as stack:
        stack.callback(_remove_empty, folder)  # last: NFS and FUSE keep a lock until it is closed
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(files.lock(folder / LOCK, wait=False))
        except BlockingIOError as error:
            raise UsageError(
                f"Another process is working in {folder}.", "Wait until it has ended."
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


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


class Keeping:
    """The utterances of one text, as a context manager: on success nothing is kept any longer.

    With `resume` those that an earlier run has spoken are taken from the folder: they have the
    samples, words and pieces that they would have again. What came with a warning is not kept.
    Nothing is written for a text of one utterance: the first is held until a second has begun.
    """

    def __init__(self, tts: TTS, target: str | Path, resume: bool = False) -> None:
        self.folder = unfinished(target)
        self.found = count(self.folder) if resume else 0
        self._tts, self._stack = tts, ExitStack()
        self._waiting: list[tuple[Utterance, Request, list[Piece]]] = []
        self._begun, self._opened = 0, False

    def pieces(self, session: Session, utterance: Utterance, request: Request) -> Iterator[Piece]:
        """Those of an utterance, kept or spoken now. Raises as `Session.run`, and OutputError."""
        self._begun += 1
        kept = self._kept(utterance, request) if self.found else []
        if kept:
            yield from kept
            return
        self._put_waiting()
        made: list[Piece] = []
        for piece in session.run(utterance, request):
            made.append(piece)
            bad = piece.audio.warnings[len(utterance.warnings) :]
            if piece.pause_s is not None and not bad:
                self._waiting.append((utterance, request, made))
                self._put_waiting()
            yield piece

    def __enter__(self) -> Self:
        if self.found:
            self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._opened:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._stack.close()

    @cached_property
    def _facts(self) -> dict[str, str]:
        return identity.of_engine(self._tts)

    def _open(self) -> None:
        if not self._opened:
            self._stack.enter_context(alone(self.folder))
            self._opened = True

    def _store(self, utterance: Utterance, request: Request) -> Store:
        """An utterance draws its noise by its place in the text, which is therefore in the key."""
        facts = self._facts | identity.of_request(request) | {"row": str(utterance.index)}
        return Store(self.folder, facts, exact=True)

    def _put_waiting(self) -> None:
        """Once there are two utterances."""
        if self._begun < 2 or not self._waiting:
            return
        self._open()
        for utterance, request, made in self._waiting:
            parts = [piece.audio.samples for piece in made]
            words = [[w.text, w.start_s, w.end_s] for w in made[-1].audio.words]
            note = {"pieces": [len(part) for part in parts], "words": words}
            audio = Audio(np.concatenate(parts), self._tts.sample_rate)
            self._store(utterance, request).put(utterance.chunk.text, audio, note=note)
        self._waiting.clear()

    def _kept(self, utterance: Utterance, request: Request) -> list[Piece]:
        """No pieces where the utterance is missing or damaged."""
        text, rate = utterance.chunk.text, self._tts.sample_rate
        spoken = self._store(utterance, request).get(text, rate)
        return _as_spoken(spoken, utterance, rate) if spoken else []


def _as_spoken(spoken: StoredSpeech, utterance: Utterance, rate: int) -> list[Piece]:
    """The pieces of an utterance as they came at first; none where the note is not whole."""
    chunk, note = utterance.chunk, spoken.note
    try:
        ends = np.cumsum([int(length) for length in note["pieces"]])
        words = tuple(Word(str(t), float(begin), float(end)) for t, begin, end in note["words"])
    except (KeyError, TypeError, ValueError):
        return []
    if not len(ends) or ends[-1] != len(spoken.samples):
        return []
    parts = np.split(spoken.samples, ends[:-1])
    audio = [AudioChunk(part, rate, 0.0, chunk.start, chunk.end) for part in parts]
    pieces = [Piece(each) for each in audio]
    pieces[0] = replace(pieces[0], lead_s=utterance.lead_s)
    last = replace(audio[-1], words=words, warnings=utterance.warnings)
    pieces[-1] = replace(pieces[-1], audio=last, pause_s=chunk.pause_s)
    return pieces
