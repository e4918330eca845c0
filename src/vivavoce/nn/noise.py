"""Random numbers as an argument: drawn on the CPU in float32, so a seed is the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


class Noise:
    """A stream of random draws per row of a batch.

    Row `i` draws from its own generator, seeded by `(seed, rows[i])`: what a row gets does not
    depend on the batch it is in, nor on the device it is moved to afterwards.
    """

    def __init__(self, seed: int, rows: Sequence[int] = (0,)) -> None:
        self.generators = [_generator(seed, row) for row in rows]

    @staticmethod
    def of(rows: Iterable[tuple[int, int]]) -> Noise:
        """Rows that have seeds of their own, as `(seed, row)`."""
        noise = Noise(0, ())
        noise.generators = [_generator(seed, row) for seed, row in rows]
        return noise

    def alone(self, row: int) -> Noise:
        """The stream of one row, for its own object: both draw from the same generator."""
        noise = Noise(0, ())
        noise.generators = [self.generators[row]]
        return noise

    def normal(self, lengths: Sequence[int], n_channels: int) -> Tensor:
        """`[B, C, T]` with T the longest of `lengths`; zero past a row's length.

        A row is drawn frame by frame, so a longer one begins like a shorter one.
        """
        out = torch.zeros(len(lengths), max(lengths), n_channels)
        for row, (length, generator) in enumerate(zip(lengths, self.generators, strict=True)):
            # torch fills 16 numbers at a time and a rest otherwise: whole blocks have no rest
            whole = -(-length // 16) * 16
            out[row, :length] = torch.randn(whole, n_channels, generator=generator)[:length]
        return out.transpose(1, 2)

    def uniform(self, row: int, count: int) -> Tensor:
        """The next `[count]` numbers in [0, 1) of a row."""
        return torch.rand(count, generator=self.generators[row])


def _generator(seed: int, row: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + row) % (1 << 63))
