"""Results that were whole and good, kept for the next who asks the same. In memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from vivavoce.serve.outbox import Sound

LONGEST_S = 60.0


@dataclass(frozen=True)
class Result:
    """All of a spoken text, and what was counted while it was made."""

    sounds: tuple[Sound, ...]
    rate: int
    input_tokens: int
    output_frames: int

    @property
    def n_bytes(self) -> int:
        return sum(sound.samples.nbytes for sound in self.sounds)

    @property
    def samples(self) -> int:
        return sum(len(sound.samples) for sound in self.sounds)


class Cache:
    """The least recently used results go first. Used by the event loop only."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._results: OrderedDict[Hashable, Result] = OrderedDict()
        self._held = 0

    def get(self, key: Hashable) -> Result | None:
        found = self._results.get(key)
        if found is not None:
            self._results.move_to_end(key)
        return found

    def put(self, key: Hashable, result: Result) -> None:
        size = result.n_bytes
        if size > self.capacity or key in self._results:
            return
        self._results[key] = result
        self._held += size
        while self._held > self.capacity:
            _, oldest = self._results.popitem(last=False)
            self._held -= oldest.n_bytes

    def clear(self) -> None:
        self._results.clear()
        self._held = 0
