"""From the engine's thread to the event loop: what one request has been given, and not yet sent."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FULL_S = 4.0
"""Seconds of audio that may wait for a reader before no further sentence of it is begun."""


@dataclass(frozen=True)
class SpokenWord:
    """A word, when it is spoken (seconds from the start) and where it stands in the text."""

    text: str
    start_s: float
    end_s: float
    text_start: int
    text_end: int


@dataclass(frozen=True)
class Sound:
    """Samples at the model's own rate, in order."""

    samples: np.ndarray
    words: tuple[SpokenWord, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlushMark:
    """All sound of the text before the mark of this number has been given."""

    number: int


class EndOfSpeech(Exception):
    """There is no more."""


Item = Sound | FlushMark | Exception


class Outbox:
    """Written by one thread, read by one task of the loop it was made in."""

    def __init__(self, loop: asyncio.AbstractEventLoop, drained: Callable[[], None]) -> None:
        self._loop, self._drained = loop, drained
        self._items: deque[tuple[Item, float]] = deque()
        self._lock = threading.Lock()
        self._arrived = asyncio.Event()
        self._seconds = 0.0

    @property
    def full(self) -> bool:
        return self._seconds >= FULL_S

    def put(self, item: Item, seconds: float = 0.0) -> None:
        with self._lock:
            self._items.append((item, seconds))
            self._seconds += seconds
        self._tell()

    def replace(self, item: Item) -> None:
        """Forget what has not been read; `item` comes next."""
        with self._lock:
            self._items.clear()
            self._items.append((item, 0.0))
            self._seconds = 0.0
        self._tell()

    async def get(self) -> Sound | FlushMark:
        """The next item. Raises EndOfSpeech at the end, and whatever went wrong."""
        while True:
            with self._lock:
                if self._items:
                    item, seconds = self._items[0]
                    was_full = self.full
                    if not isinstance(item, Exception):  # an end stays, to be read again
                        self._items.popleft()
                        self._seconds -= seconds
                    break
                self._arrived.clear()
            await self._arrived.wait()
        if was_full and not self.full:
            self._drained()
        if isinstance(item, Exception):
            raise item
        return item

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            return  # the loop has ended, and nobody reads any more
