"""Sizes of a WaveGrad network and its noise schedule, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class WavegradConfig:
    """`up` blocks of so many channels upsample the mel, of `mel_width` channels, by `rates`.

    Their convolutions have `dilations`. `down` blocks halve the signal, of `signal_width`
    channels, by the same rates in reverse. Refinement takes `steps`, whose noise grows evenly from
    `least_noise` to `most_noise`.
    """

    mel_width: int = 768
    signal_width: int = 32
    down: tuple[int, ...] = (128, 128, 256, 512)
    up: tuple[int, ...] = (512, 512, 256, 128, 128)
    rates: tuple[int, ...] = (4, 4, 4, 2, 2)
    dilations: tuple[tuple[int, ...], ...] = (*(2 * ((1, 2, 1, 2),)), *(3 * ((1, 2, 4, 8),)))
    steps: int = 50
    least_noise: float = 1e-6
    most_noise: float = 0.01

    def __post_init__(self) -> None:
        if not len(self.rates) == len(self.up) == len(self.dilations) == len(self.down) + 1:
            raise ValueError("rates, up and dilations must have the same length, down one less")
        if min(self.mel_width, self.signal_width, *self.rates, *self.up, *self.down) < 1:
            raise ValueError("widths and rates must be at least 1")
        if any(len(one) != 4 or min(one) < 1 for one in self.dilations):
            raise ValueError("dilations must be four for each of up, each at least 1")
        if not 1 <= self.steps <= 1000 or not 0 < self.least_noise <= self.most_noise < 1:
            raise ValueError("steps must be 1 to 1000, and noise between 0 and 1, increasing")

    @property
    def hop_length(self) -> int:
        """Samples that one frame becomes."""
        return prod(self.rates)

    def reach(self) -> int:
        """Frames of context on each side that a frame's samples depend on in one step.

        The longest way is down through all blocks and up again, counted in samples.
        """
        way, step = 5, 1  # the outermost convolutions, of five and three taps, and their halves
        blocks = zip(reversed(self.rates), reversed(self.dilations), strict=True)
        for number, (rate, dilations) in enumerate(blocks):
            way += step * (sum(dilations) + 2)
            step *= rate
            way += step * 8 * (number < len(self.down))
        return -(-(way + step) // step) + 2
