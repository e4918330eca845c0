"""Sizes of a Parallel WaveGAN generator, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class WaveganConfig:
    """`width` channels flow through `layers` gated layers, each of `gate` channels for both halves.

    Dilations double from layer to layer and begin anew in each of `stacks`. `skip` channels are
    summed over the layers. `rates` upsample the mel. `edge_frames` repeats the first and the last
    frame, as Coqui does.
    """

    width: int = 64
    gate: int = 128
    skip: int = 64
    layers: int = 30
    stacks: int = 3
    kernel: int = 3
    rates: tuple[int, ...] = (4, 4, 4, 4)
    edge_frames: int = 2

    def __post_init__(self) -> None:
        if min(self.layers, self.stacks, self.width, self.skip, *self.rates) < 1:
            raise ValueError("layers, stacks, widths and rates must be at least 1")
        if self.layers % self.stacks or self.layers // self.stacks > 20:
            raise ValueError("layers must be a multiple of stacks, with at most 20 in each")
        if self.gate % 2 or self.kernel % 2 == 0:
            raise ValueError("gate must be even and kernel odd")

    @property
    def hop_length(self) -> int:
        """Samples that one frame becomes."""
        return prod(self.rates)

    def dilation(self, layer: int) -> int:
        return 2 ** (layer % (self.layers // self.stacks))

    def receptive_field(self) -> int:
        """Frames of context on each side that one frame's samples depend on."""
        reach = sum(self.dilation(n) for n in range(self.layers)) * (self.kernel - 1) // 2
        first, last = -reach, self.hop_length - 1 + reach
        for rate in reversed(self.rates):  # a smoothing filter behind each repetition of steps
            first, last = (first - rate) // rate, (last + rate) // rate
        return max(-first, last)
