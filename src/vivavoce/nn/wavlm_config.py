"""Sizes of a WavLM. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WavLmConfig:
    """The defaults are WavLM-Large's. `layers` may be fewer than the checkpoint's.

    With `final_norm` the features are those behind the last layer's normalisation. Widths are
    channel counts; `max_distance` is in frames.
    """

    convs: tuple[int, ...] = (512, 512, 512, 512, 512, 512, 512)
    width: int = 1024
    hidden: int = 4096
    layers: int = 24
    heads: int = 16
    position_kernel: int = 128
    position_groups: int = 16
    buckets: int = 320
    max_distance: int = 800
    final_norm: bool = True

    def __post_init__(self) -> None:
        if len(self.convs) != len(KERNELS):
            raise ValueError(f"convs must be {len(KERNELS)} widths")
        if self.width % self.heads or self.width % self.position_groups:
            raise ValueError("width must be a multiple of heads and of position_groups")
        if not 1 <= self.layers <= 1000:
            raise ValueError("layers must be from 1 to 1000")


KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
HOP, REACH = 320, 400
"""Samples at 16 kHz from one frame to the next, and those that a frame sees."""
