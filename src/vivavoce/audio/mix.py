"""Several channels to one, without losing a voice that channels take from each other. No files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.findings import Finding
from vivavoce.audio.loudness import to_db

LEAST_LEFT_DB = -9.0
"""Of the loudest channel that must be left in the mean; two unlike channels leave -6 or more."""

EXPECTED = 0.7
"""Less than this part of what one channel alone would leave means that others oppose it."""

_SILENT = 1e-10


class Mixer:
    """The mean of channels, and how much of the loudest one is left in it.

    Feed blocks `[s, C]` through `mean`; then `fault` says whether the mean may be used, and
    `loudest` which channel (from 0) is to be taken where it may not.
    """

    def __init__(self, n_channels: int) -> None:
        self.n_channels = n_channels
        self._n = 0
        self._sums = np.zeros(n_channels + 1)
        self._squares = np.zeros(n_channels + 1)

    def mean(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Mono pieces `[s]`."""
        for block in blocks:
            if self.n_channels == 1:
                yield block[:, 0]
                continue
            yield self._mixed(block)

    def _mixed(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        self._n += len(block)
        with np.errstate(invalid="ignore", over="ignore"):  # refused elsewhere
            mono = block.mean(axis=1, dtype=np.float32)
            for number, channel in enumerate((*block.T, mono)):
                wide = channel.astype(np.float64)
                self._sums[number] += wide.sum()
                self._squares[number] += wide @ wide
        return mono

    @property
    def loudest(self) -> int:
        return int(self._levels()[:-1].argmax())

    def fault(self) -> Finding | None:
        """Nothing for one channel, for silence, and for channels that go together."""
        if self.n_channels < 2 or not self._n:
            return None
        *channels, mixed = self._levels()
        loudest = max(channels)
        if not _SILENT < loudest < np.inf:
            return None
        left_db = max(-120.0, to_db(float(mixed / loudest)))
        if left_db >= LEAST_LEFT_DB:
            return None
        opposed = mixed < EXPECTED * loudest / self.n_channels
        name = "cancelling channels" if opposed else "one channel"
        return Finding(name, left_db, "dB", "Give a mono file to choose the channel yourself.")

    def _levels(self) -> NDArray[np.float64]:
        """RMS without constant offset of every channel and of the mean."""
        n = max(self._n, 1)
        with np.errstate(invalid="ignore"):  # infinite samples are refused elsewhere
            return np.sqrt(np.maximum(self._squares / n - np.square(self._sums / n), 0.0))


def only(blocks: Iterator[NDArray[np.float32]], channel: int) -> Iterator[NDArray[np.float32]]:
    """One channel of blocks `[s, C]`."""
    for block in blocks:
        yield block[:, channel].copy()
