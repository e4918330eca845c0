"""The convolutions that reference encoders begin with (Skerry-Ryan et al., arXiv:1803.09047)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class ReferenceConvs(nn.ModuleList):
    """3 x 3 convolutions of stride 2 over frames and bands, with ReLU."""

    def __init__(self, channels: Sequence[int], padding: int = 1) -> None:
        pairs = pairwise((1, *channels))
        super().__init__(nn.Conv2d(a, b, 3, stride=2, padding=padding) for a, b in pairs)
        self.channels, self.padding = tuple(channels), padding

    def width(self, n_bins: int) -> int:
        """Of what comes out, for frames of `n_bins`."""
        for _ in self.channels:
            n_bins = (n_bins + 2 * self.padding - 3) // 2 + 1
        return n_bins * self.channels[-1]

    def forward(self, frames: Tensor) -> Tensor:
        """Frames `[B, T, F]` to `[B, T', C F']`, a half as many for each convolution."""
        x = frames.unsqueeze(1)
        for conv in self:
            x = conv(x).relu()
        return x.transpose(1, 2).flatten(2)
