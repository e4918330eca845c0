"""Settings of Griffin-Lim."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GriffinLimConfig:
    """More `iterations` give less echo and cost as much more time.

    `momentum` is that of the fast variant. Magnitudes are taken to the power of `sharpening`,
    which quietens what is between the harmonics.
    """

    iterations: int = 20
    momentum: float = 0.99
    sharpening: float = 1.5

    def __post_init__(self) -> None:
        if not 1 <= self.iterations <= 30:
            raise ValueError("iterations must be from 1 to 30")
        if not 0 <= self.momentum < 1:
            raise ValueError("momentum must be at least 0 and below 1")
