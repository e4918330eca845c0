"""Which utterances make which batch. Pure functions of lengths, seed and position; loads nothing.

Batches of an epoch are the same on every process; process `rank` of `world` takes every
`world`-th one. A position is enough to continue in the middle of an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

JITTER = 0.15


@dataclass(frozen=True)
class Position:
    """The next batch: its number `index` in `epoch`, counted over all processes."""

    epoch: int = 0
    index: int = 0


@dataclass(frozen=True)
class BatchSampler:
    """`lengths_s` are the utterances' lengths in seconds, as they count in a batch.

    Utterances of similar length meet, in other company each epoch: they are sorted by length
    times a random factor of 1 +- 0.15, cut into batches, and the batches shuffled.
    """

    lengths_s: Sequence[float]
    batch_seconds: float
    batch_size: int
    seed: int

    def epoch(self, number: int) -> list[list[int]]:
        """All batches of an epoch, as indices into `lengths_s`."""
        rng = np.random.default_rng([self.seed, number])
        lengths = np.asarray(self.lengths_s)
        order = np.argsort(lengths * rng.uniform(1 - JITTER, 1 + JITTER, len(lengths)))
        batches = self.cut(order.tolist())
        rng.shuffle(batches)  # type: ignore[arg-type]
        return batches

    def cut(self, order: Sequence[int]) -> list[list[int]]:
        """Consecutive utterances into batches; one longer than `batch_seconds` is alone."""
        batches: list[list[int]] = []
        current: list[int] = []
        longest = 0.0
        for i in order:
            longest = max(longest, self.lengths_s[i])
            if current and self._too_large(len(current) + 1, longest):
                batches.append(current)
                current, longest = [], self.lengths_s[i]
            current.append(i)
        return [*batches, current] if current else batches

    def _too_large(self, count: int, longest: float) -> bool:
        by_time = self.batch_seconds > 0 and count * longest > self.batch_seconds
        return by_time or 0 < self.batch_size < count

    def stream(
        self, start: Position, rank: int = 0, world: int = 1
    ) -> Iterator[tuple[Position, Position, list[int]]]:
        """Endless: the batch's own position, where to go on after it, and its utterances.

        Each item moves the position by `world` batches, so every process sees the same positions
        and an epoch's last batches are shared with the next epoch's first.
        """
        epoch, index = start.epoch, start.index
        batches = self.epoch(epoch)
        while True:
            mine: tuple[Position, list[int]] | None = None
            for process in range(world):
                while index >= len(batches):
                    epoch, index = epoch + 1, index - len(batches)
                    batches = self.epoch(epoch)
                if process == rank:
                    mine = Position(epoch, index), batches[index]
                index += 1
            if mine is not None:
                yield mine[0], Position(epoch, index), mine[1]
