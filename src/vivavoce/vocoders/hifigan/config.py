"""Sizes of a HiFi-GAN generator. Knows nothing of generation or training."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class HifiganConfig:
    """The paper's generator; its defaults are V1.

    Each stage upsamples by one of `rates` with one of `kernels` and halves `width`, then averages
    residual blocks of type `block` with `block_kernels` and `block_dilations`.
    `condition_dim` is the width of a speaker vector, 0 for none; with `condition_stages` it is
    added after every upsampling too (XTTS). `edge_frames` repeats the first and last frame, as
    Coqui does with its stand-alone vocoders.
    """

    width: int = 512
    rates: tuple[int, ...] = (8, 8, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 4, 4)
    block: Literal[1, 2] = 1
    block_kernels: tuple[int, ...] = (3, 7, 11)
    block_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    condition_dim: int = 0
    condition_stages: bool = False
    output_bias: bool = True
    edge_frames: int = 0

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.kernels):
            raise ValueError("rates and kernels must be as many")
        if len(self.block_kernels) != len(self.block_dilations):
            raise ValueError("block_kernels and block_dilations must be as many")
        if any((k - u) % 2 or k < u for k, u in zip(self.kernels, self.rates, strict=True)):
            raise ValueError("each kernel must exceed its rate by an even number")

    @property
    def hop_length(self) -> int:
        """Samples that one frame becomes."""
        return prod(self.rates)

    @property
    def block_reach(self) -> int:
        """Steps of context on each side that the residual blocks of a stage need."""
        return max(
            (kernel - 1) // 2 * sum(d + (1 if self.block == 1 else 0) for d in dilations)
            for kernel, dilations in zip(self.block_kernels, self.block_dilations, strict=True)
        )

    def receptive_field(self) -> int:
        """Frames of context on each side that one frame's samples depend on.

        The interval of the frame's own samples is followed back through the layers.
        """
        first, last = 0, self.hop_length - 1
        first, last = first - 3, last + 3  # the output convolution has 7 taps
        reach = self.block_reach
        for rate, kernel in zip(reversed(self.rates), reversed(self.kernels), strict=True):
            first, last = first - reach, last + reach
            padding = (kernel - rate) // 2
            first, last = -(-(first + padding - kernel + 1) // rate), (last + padding) // rate
        return max(3 - first, last + 3)  # and so has the input convolution


V1 = HifiganConfig()
V2 = HifiganConfig(width=128)
V3 = HifiganConfig(
    width=256,
    rates=(8, 8, 4),
    kernels=(16, 16, 8),
    block=2,
    block_kernels=(3, 5, 7),
    block_dilations=((1, 2), (2, 6), (3, 12)),
)
