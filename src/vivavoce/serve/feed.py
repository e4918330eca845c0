"""The text of one request, whole or as it comes in: cut where a sentence is certain to have ended.

Written by the event loop, read by the engine's thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from vivavoce.serve.outbox import FlushMark
from vivavoce.text.split import CLAUSE, iter_sentences

LONG = 240
"""Characters without an end of a sentence after which a clause is spoken by itself."""

WINDOW = 2000
"""Characters looked at; of so many without an end, all whole words are spoken."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the text that can be spoken now; it begins at `start` in the whole."""

    text: str
    start: int


class End:
    """No more text comes."""


FeedItem = Segment | FlushMark | End


class Feed:
    """`add` and `release` while text comes, `finish` at its end. `text` is all there was so far."""

    def __init__(self) -> None:
        self.text = ""
        self.finished = False
        self.ready_at: float | None = None  # when the first of it could be taken
        self._released = 0
        self._items: deque[FeedItem] = deque()
        self._lock = threading.Lock()

    @classmethod
    def whole(cls, text: str) -> Feed:
        """A text that is complete: cut nowhere but where the model itself cuts."""
        feed = cls()
        feed.add(text)
        feed.finish()
        return feed

    @property
    def ready(self) -> bool:
        """Whether there is something for the engine to take."""
        return bool(self._items)

    @property
    def unbroken(self) -> bool:
        """Whether all of the text is one segment, which waits to be taken."""
        items = list(self._items)
        return len(items) == 2 and items[0] == Segment(self.text, 0) and self.finished

    @property
    def waiting(self) -> int:
        """Items that the engine has not taken yet."""
        return len(self._items)

    @property
    def held(self) -> bool:
        """Whether text waits for `release`."""
        return bool(self.text[self._released :].strip())

    def add(self, text: str) -> None:
        self.text += text

    def release(self) -> bool:
        """Give out what is certain: whole sentences, or clauses of a long one."""
        stop = self._released
        while more := certain(self.text[stop : stop + WINDOW]):
            stop += more
        return self._give(stop)

    def release_all(self) -> bool:
        """Give out everything there is, a piece of a sentence too."""
        return self._give(len(self.text))

    def mark(self, number: int) -> None:
        """Everything there is, and then a mark."""
        self.release_all()
        self._put(FlushMark(number))

    def finish(self) -> None:
        if not self.finished:
            self.finished = True
            self.release_all()
            self._put(End())

    def peek(self) -> FeedItem | None:
        with self._lock:
            return self._items[0] if self._items else None

    def pop(self) -> None:
        with self._lock:
            self._items.popleft()

    def _give(self, stop: int) -> bool:
        text = self.text[self._released : stop]
        if stop <= self._released or not text.strip():
            return False
        start, self._released = self._released, stop
        self._put(Segment(text, start))
        return True

    def _put(self, item: FeedItem) -> None:
        if self.ready_at is None:
            self.ready_at = time.monotonic()
        with self._lock:
            self._items.append(item)


def certain(text: str) -> int:
    """How much of an unfinished text can be spoken already, whatever follows. At most `WINDOW`
    characters are given: this is done for every piece of text, on the event loop.
    """
    ends = [sentence.end for sentence in iter_sentences(text)]
    last = ends[-2] if len(ends) > 1 else 0  # the last one may go on
    if last or len(text) < LONG:
        return last
    clauses = [match.end() for match in CLAUSE.finditer(text) if match.end() < len(text)]
    if clauses or len(text) < WINDOW:
        return clauses[-1] if clauses else 0
    return text.rfind(" ") + 1 or WINDOW
