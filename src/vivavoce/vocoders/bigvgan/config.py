"""Sizes of a BigVGAN generator. Knows nothing of generation."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

ACTIVATION_REACH = 5
"""Steps on each side that a step of an activation depends on, through both of its filters."""


@dataclass(frozen=True)
class BigvganConfig:
    """The second version's generator at 24 kHz; the fields are HiFi-GAN's, but for these.

    `activation` is x + sin²(αx)/β ("snakebeta") or has α in the place of β ("snake"); with
    `log_scale` the weights are their logarithms. `last` bounds the samples.
    """

    width: int = 1536
    rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    kernels: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    block: Literal[1, 2] = 1
    block_kernels: tuple[int, ...] = (3, 7, 11)
    block_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    activation: Literal["snake", "snakebeta"] = "snakebeta"
    log_scale: bool = True
    output_bias: bool = False
    last: Literal["clamp", "tanh"] = "clamp"

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

    def receptive_field(self) -> int:
        """Frames of context on each side that one frame's samples depend on.

        The interval of the frame's own samples is followed back through the layers.
        """
        last = self.hop_length - 1
        first, last = -3 - ACTIVATION_REACH, last + 3 + ACTIVATION_REACH
        reach = max(
            self._reach(kernel, dilations)
            for kernel, dilations in zip(self.block_kernels, self.block_dilations, strict=True)
        )
        for rate, kernel in zip(reversed(self.rates), reversed(self.kernels), strict=True):
            first, last = first - reach, last + reach
            padding = (kernel - rate) // 2
            first, last = -(-(first + padding - kernel + 1) // rate), (last + padding) // rate
        return max(3 - first, last + 3)  # the input convolution has 7 taps

    def _reach(self, kernel: int, dilations: tuple[int, ...]) -> int:
        """Steps on each side through a residual block: activations and convolutions."""
        pairs = self.block == 1
        taps = (kernel - 1) // 2 * sum(d + pairs for d in dilations)
        return taps + ACTIVATION_REACH * len(dilations) * (1 + pairs)
