"""One job on the engine's thread: its text as utterances, their pieces as one timeline."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vivavoce.errors import TextError
from vivavoce.serve.feed import Segment
from vivavoce.serve.job import SpeechJob
from vivavoce.serve.outbox import FlushMark, Sound, SpokenWord
from vivavoce.speech.join import Piece, Timeline

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.plan import Utterance
    from vivavoce.types import AudioChunk, Voice, Word


PATIENCE_S = 0.01
"""For looking for the next utterance of one text, before other requests are served."""


@dataclass
class Slot:
    """An utterance in the session. Pieces wait here while an earlier utterance is not done."""

    pieces: deque[Piece] = field(default_factory=deque)
    ended: bool = False


class SpokenJob:
    """Raises what `TTS.request` and `TTS.plan` raise; `finished` when all has been given."""

    def __init__(self, job: SpeechJob, tts: TTS, voice: Voice) -> None:
        self.job, self.tts = job, tts
        work = job.work
        made = tts.request(
            voice, speed=work.speed, seed=work.seed, stream=True, **dict(work.options)
        )
        self.request = replace(made, on_step=self._watch)
        self.pending: Utterance | None = None
        self.finished = False
        self.slots: dict[int, Slot] = {}  # by handle, in the order of the text
        self._plan: Iterator[Utterance | None] | None = None
        self._spoken = 0  # utterances so far
        self._timeline = Timeline(tts.blends)
        self._begin_s = 0.0  # of the timeline, in the whole
        self._cursor = 0  # where in the text the last word ended
        self._frames_per_sample = 1 / tts.model.spec.hop_length

    @property
    def unsettled(self) -> bool:
        """Whether the search for the next utterance goes on with the next `settle`."""
        return self.pending is None and self._plan is not None

    def settle(self) -> None:
        """Look for the next utterance, for about `PATIENCE_S`; give marks and the end once nothing
        is before them.
        """
        try:
            self._settle()
        finally:
            self.job.busy = bool(self.slots or self.pending or self._plan)

    def _settle(self) -> None:
        latest = time.monotonic() + PATIENCE_S
        while self.pending is None and not self.finished:
            if self._plan is not None:
                self._advance(self._plan)
                if time.monotonic() > latest:
                    return
                continue
            item = self.job.feed.peek()
            if isinstance(item, Segment):
                self.job.feed.pop()
                self._plan = self._utterances(item)
            elif item is None or self.slots:
                return
            else:
                self._flush()
                if isinstance(item, FlushMark):
                    self.job.feed.pop()
                    self.job.outbox.put(item)
                else:
                    self._finish()

    def wants(self, at_once: int) -> bool:
        """Whether another utterance may join the session now."""
        if len(self.slots) >= at_once or self.job.outbox.full:
            return False
        item = self.job.feed.peek()
        more = isinstance(item, Segment) or (item is not None and not self.slots)
        return self.pending is not None or self._plan is not None or more

    def begin(self, handle: int) -> None:
        """The pending utterance has joined the session."""
        assert self.pending is not None  # noqa: S101 - `choose` asked `wants`
        self.job.input_tokens += len(self.pending.tokens)
        self.pending = None
        self.slots[handle] = Slot()

    def take(self, handle: int, piece: Piece) -> None:
        """More of an utterance; what is next in the text goes out at once."""
        slot = self.slots[handle]
        slot.pieces.append(piece)
        slot.ended = piece.pause_s is not None
        for first in list(self.slots):
            head = self.slots[first]
            while head.pieces:
                self._give(self._timeline.add(head.pieces.popleft()))
            if not head.ended:
                break
            del self.slots[first]

    def _watch(self, done: int, total: int) -> None:
        """Called within an utterance, where the model works in steps."""
        if self.job.cancelled and len(self.slots) == 1 and not self.tts.model.traits.emits_parts:
            from vivavoce.serve.errors import Cancelled

            raise Cancelled("The request was cancelled.")

    def _advance(self, plan: Iterator[Utterance | None]) -> None:
        try:
            self.pending = next(plan)
        except StopIteration:
            self._plan = None
        except TextError:
            # A stretch of a growing text without a word is no error if there are others.
            if self.job.feed.finished and not self._spoken and self._last:
                raise
            self._plan = None
        if self.pending is not None:
            self._spoken += 1

    @property
    def _last(self) -> bool:
        """Whether no other stretch of text follows."""
        return not isinstance(self.job.feed.peek(), Segment)

    def _utterances(self, segment: Segment) -> Iterator[Utterance | None]:
        """Those of a stretch, numbered and placed in the whole text."""
        first = self._spoken
        for utterance in self.tts.planning(segment.text, self.request):
            if utterance is None:
                yield None
                continue
            chunk = utterance.chunk
            start, end = chunk.start + segment.start, chunk.end + segment.start
            moved = replace(chunk, start=start, end=end)
            yield replace(utterance, chunk=moved, index=first + utterance.index)

    def _give(self, chunks: Iterator[AudioChunk]) -> None:
        for chunk in chunks:
            self.job.output_frames += round(len(chunk.samples) * self._frames_per_sample)
            words = tuple(self._placed(word) for word in chunk.words)
            self.job.give(Sound(chunk.samples, words, chunk.warnings))

    def _placed(self, word: Word) -> SpokenWord:
        text = self.job.feed.text
        found = text.find(word.text, self._cursor)
        start = found if found >= 0 else min(self._cursor, len(text))
        self._cursor = end = min(start + len(word.text), len(text))
        begin, finish = word.start_s + self._begin_s, word.end_s + self._begin_s
        return SpokenWord(word.text, begin, finish, start, end)

    def _flush(self) -> None:
        """Everything up to here goes out; what follows begins a timeline of its own."""
        self._give(self._timeline.finish())
        self._timeline = Timeline(self.tts.blends)
        self._begin_s = self.job.seconds

    def _finish(self) -> None:
        self.finished = True
        if not self._spoken:
            raise TextError("The text holds nothing to speak.", "Give at least one word.")
