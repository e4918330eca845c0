"""Sizes of a WaveRNN, and how it folds an utterance."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class WavernnConfig:
    """Two recurrent layers of `width` units, two linear ones of `inner`.

    A sample is drawn from `mixtures` logistic distributions, or where `bits` is not 0 from 2^bits
    classes, which with `mu_law` are denser near silence. The mel is upsampled by `rates` and
    smoothed; without `smoothed` it lies on a line between its frames. `hints` more channels come
    from a network of `hint_blocks` blocks, `hint_width` wide, that sees `context` frames to either
    side. Parts of `fold` samples are made side by side and overlap by `overlap`; 0: one by one.
    """

    width: int = 512
    inner: int = 512
    mixtures: int = 10
    bits: int = 0
    mu_law: bool = True
    rates: tuple[int, ...] = (4, 8, 8)
    smoothed: bool = True
    context: int = 2
    hints: int = 128
    hint_width: int = 128
    hint_blocks: int = 10
    fold: int = 11_000
    overlap: int = 550

    def __post_init__(self) -> None:
        sizes = (self.width, self.inner, self.mixtures, self.context, self.hint_width, *self.rates)
        if min(sizes) < 1 or self.hint_blocks < 0:
            raise ValueError("widths, rates and context must be at least 1")
        if self.hints % 4 or self.hints < 0 or not 0 <= self.bits <= 16:
            raise ValueError("hints must be a multiple of 4, bits 0 to 16")
        if self.hint_blocks > 1000 or not 0 <= self.overlap <= max(0, self.fold):
            raise ValueError("overlap must be 0 to fold, and at most 1000 blocks")

    @property
    def hop_length(self) -> int:
        """Samples that one frame becomes."""
        return prod(self.rates)

    @property
    def classes(self) -> int:
        """Numbers that the network gives for a sample."""
        return 2**self.bits if self.bits else 3 * self.mixtures

    def parts(self, total: int) -> tuple[range, int]:
        """Where the parts of `total` samples start, and how long each of them is."""
        length = self.fold + 2 * self.overlap
        if not self.fold or total <= length:
            return range(1), total
        stride = self.fold + self.overlap
        return range(0, total - self.overlap, stride), length
