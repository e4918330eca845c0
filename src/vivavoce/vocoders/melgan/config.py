"""Sizes of a MelGAN generator, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

PQMF_TAPS = 63


@dataclass(frozen=True)
class MelganConfig:
    """Each stage upsamples by one of `rates`, halves `width` and has so many `residuals`.

    `bands` above 1: the generator makes that many sub-bands, which a filter bank puts together.
    `edge_frames` repeats the first and the last frame, as Coqui does.
    """

    width: int = 512
    rates: tuple[int, ...] = (8, 8, 2, 2)
    residuals: int = 3
    bands: int = 1
    edge_frames: int = 2

    def __post_init__(self) -> None:
        if not self.rates or min(*self.rates, self.residuals, self.bands) < 1:
            raise ValueError("rates, residuals and bands must be at least 1")
        if self.width % (1 << len(self.rates)):
            raise ValueError("width must be divisible by two for every stage")

    @property
    def hop_length(self) -> int:
        """Samples that one frame becomes."""
        return prod(self.rates) * self.bands

    @property
    def reach(self) -> int:
        """Steps of context on each side that the residual blocks of a stage need: 3 to the j."""
        return sum(3**j for j in range(self.residuals))

    def receptive_field(self) -> int:
        """Frames of context on each side that one frame's samples depend on."""
        first, last = 0, self.hop_length - 1
        if self.bands > 1:
            half = PQMF_TAPS // 2
            first, last = -((half - first) // self.bands), (last + half) // self.bands
        first, last = first - 3, last + 3  # the output convolution has 7 taps
        for rate in reversed(self.rates):
            first, last = first - self.reach, last + self.reach
            trim = -(-rate // 2)
            first, last = -(-(first + trim - 2 * rate + 1) // rate), (last + trim) // rate
        return max(3 - first, last + 3)  # and so has the input convolution


FULLBAND = MelganConfig(rates=(8, 8, 4), residuals=4)
MULTIBAND = MelganConfig(width=384, rates=(8, 4, 2), residuals=4, bands=4)
