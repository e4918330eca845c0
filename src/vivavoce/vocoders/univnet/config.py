"""Sizes of a UnivNet generator, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

KERNEL_REACH = 9
"""Frames on each side that a kernel is made from: 5 taps, six times 3, and 3."""


@dataclass(frozen=True)
class UnivnetConfig:
    """`noise` channels become `width`, which each of `rates` upsamples.

    A stage has `layers` location-variable convolutions of `kernel` taps; a network of
    `kernel_width` channels makes their kernels from the mel. One that is `mirrored`, as Tortoise's
    is, mirrors the noise and the samples at their ends, adds the layers of that network in pairs,
    and hears silence behind an utterance.
    """

    noise: int = 64
    width: int = 32
    rates: tuple[int, ...] = (8, 8, 4)
    layers: int = 4
    kernel: int = 3
    kernel_width: int = 64
    mirrored: bool = False

    def __post_init__(self) -> None:
        if min(self.noise, self.width, self.layers, self.kernel_width, *self.rates) < 1:
            raise ValueError("widths, layers and rates must be at least 1")
        if self.layers > 12 or self.kernel % 2 == 0:
            raise ValueError("layers must be at most 12 and kernel odd")

    @property
    def hop_length(self) -> int:
        """Samples that one frame becomes."""
        return prod(self.rates)

    def receptive_field(self) -> int:
        """Frames of context on each side that one frame's samples depend on.

        The interval of the frame's own samples is followed back through the layers; at each
        location-variable one, the kernels of the frames it touches reach `KERNEL_REACH` further.
        """
        first, last, hop, furthest = -3, self.hop_length - 1 + 3, self.hop_length, 0
        half = self.kernel // 2
        for rate in reversed(self.rates):
            for layer in reversed(range(self.layers)):
                furthest = max(furthest, -(first // hop), last // hop)
                reach = half + 3**layer * half
                first, last = first - reach, last + reach
            trim = -(-rate // 2)
            first, last = -(-(first + trim - 2 * rate + 1) // rate), (last + trim) // rate
            hop //= rate
        return max(furthest + KERNEL_REACH, 3 - first, last + 3)
