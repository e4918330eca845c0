"""Sizes that HiFi-GAN's and BigVGAN's generators share, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal


@dataclass(frozen=True)
class GeneratorConfig:
    """Each stage upsamples by one of `rates` with one of `kernels` and halves `width`.

    It then averages residual blocks of type `block` with `block_kernels` and `block_dilations`.
    """

    width: int = 512
    rates: tuple[int, ...] = (8, 8, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 4, 4)
    block: Literal[1, 2] = 1
    block_kernels: tuple[int, ...] = (3, 7, 11)
    block_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    output_bias: bool = True

    activation_reach: ClassVar[int] = 0
    """Steps on each side that a step of an activation depends on."""

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.kernels):
            raise ValueError("rates and kernels must have the same length")
        if len(self.block_kernels) != len(self.block_dilations):
            raise ValueError("block_kernels and block_dilations must have the same length")
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
            self._reach(kernel, dilations)
            for kernel, dilations in zip(self.block_kernels, self.block_dilations, strict=True)
        )

    def receptive_field(self) -> int:
        """Frames of context on each side that one frame's samples depend on."""
        return self.contexts()[0] + 3  # the input convolution has 7 taps

    def contexts(self) -> list[int]:
        """Steps of each stage's input, on each side of a frame's own, that its samples depend on.

        The interval of the frame's own samples is followed back through the layers.
        """
        edge = 3 + self.activation_reach  # the output convolution has 7 taps
        steps, reach, found = self.hop_length, self.block_reach, []
        first, last = -edge, steps - 1 + edge
        for rate, kernel in zip(reversed(self.rates), reversed(self.kernels), strict=True):
            first, last = first - reach, last + reach
            padding = (kernel - rate) // 2
            first, last = -(-(first + padding - kernel + 1) // rate), (last + padding) // rate
            steps //= rate
            found.append(max(-first, last - steps + 1))
        return found[::-1]

    def _reach(self, kernel: int, dilations: tuple[int, ...]) -> int:
        """Steps on each side through a residual block: activations and convolutions."""
        pairs = self.block == 1
        taps = (kernel - 1) // 2 * sum(d + pairs for d in dilations)
        return taps + self.activation_reach * len(dilations) * (1 + pairs)
