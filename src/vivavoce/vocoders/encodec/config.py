"""Sizes of EnCodec's decoder, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

EDGE_KERNEL, BLOCK_KERNEL = 7, 3
"""Taps of the first and last convolution, and of a residual block's."""


@dataclass(frozen=True)
class EncodecConfig:
    """`books` codebooks of `codes` vectors of `hidden` numbers; by default 24 kHz at 6 kbit/s.

    The widest layer has `width` channels for every doubling, and `rates` upsample.
    """

    books: int = 8
    codes: int = 1024
    hidden: int = 128
    width: int = 32
    rates: tuple[int, ...] = (8, 5, 4, 2)
    lstm_layers: int = 2

    def __post_init__(self) -> None:
        sizes = self.books, self.codes, self.hidden, self.width, self.lstm_layers, *self.rates
        if min(sizes) < 1 or self.width % 2 or not 1 <= len(self.rates) <= 8:
            raise ValueError("sizes must be at least 1, the width even, and the rates at most 8")

    @property
    def widest(self) -> int:
        """Channels before the first upsampling, which halves them as each does."""
        return self.width << len(self.rates)

    @property
    def hop_length(self) -> int:
        """Samples of one frame."""
        return prod(self.rates)

    @property
    def receptive_field(self) -> int:
        """Frames before one that its samples depend on, behind the LSTM: the layers are causal."""
        first = 1 - EDGE_KERNEL
        for rate in reversed(self.rates):
            first = (first + 1 - BLOCK_KERNEL) // rate - 1
        return -first
