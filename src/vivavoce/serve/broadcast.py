"""One computation for several readers: equal requests share a job, each with its own outbox."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from vivavoce.serve.outbox import Item, Outbox, Sound


class Broadcast:
    """Written by the engine's thread; readers come and go on the loop it was made in.

    `keep` remembers everything that was put, so that a later reader gets the whole: for texts whose
    speech is short.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, drained: Callable[[], None], keep: bool = False
    ) -> None:
        self._loop, self._drained = loop, drained
        self._lock = threading.Lock()
        self._history: list[tuple[Item, float]] | None = [] if keep else None
        self.first = Outbox(loop, drained)
        self.readers = [self.first]

    @property
    def full(self) -> bool:
        """Whether nobody waits for more: a slow reader does not delay a fast one."""
        return all(reader.full for reader in self.readers)

    @property
    def sounds(self) -> list[Sound]:
        """All sound so far, where it is kept."""
        with self._lock:
            return [item for item, _ in self._history or () if isinstance(item, Sound)]

    def put(self, item: Item, seconds: float = 0.0) -> None:
        with self._lock:
            if self._history is not None:
                self._history.append((item, seconds))
            for reader in self.readers:
                reader.put(item, seconds)

    def replace(self, item: Item) -> None:
        """Forget what has not been read; `item` comes next, to every reader."""
        with self._lock:
            for reader in self.readers:
                reader.replace(item)

    def join(self) -> Outbox:
        """A reader more, from the beginning on. Only where all is kept."""
        reader = Outbox(self._loop, self._drained)
        with self._lock:
            for item, seconds in self._history or ():
                reader.put(item, seconds)
            self.readers.append(reader)
        self._drained()
        return reader

    def leave(self, reader: Outbox) -> bool:
        """One reader goes. Whether others stay."""
        with self._lock:
            if reader in self.readers and len(self.readers) > 1:
                self.readers.remove(reader)
                return True
            return reader not in self.readers
