"""Convolutions over time in the layout that the CPU runs best.

Shapes: B batch, C channels, K taps, T time steps. Signals are `[B, C, 1, T]`, two dimensions,
because only their kernels know the channels-last layout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn import toom_cook
from vivavoce.runtime import full_precision


class Conv(nn.Conv1d):
    """A convolution over T of `[B, C, 1, T]`, same length; the weight is `[C', C, K]`."""

    def __init__(
        self, channels: int, out_channels: int, kernel: int, dilation: int = 1, bias: bool = True
    ) -> None:
        padding = dilation * (kernel - 1) // 2
        super().__init__(
            channels, out_channels, kernel, padding=padding, dilation=dilation, bias=bias
        )
        self.same = padding
        self.pays_off = toom_cook.pays_off(channels, kernel)
        self.register_buffer("at_points", None, persistent=False)

    at_points: Tensor | None

    def freeze(self) -> None:
        """Do the work on the weights once, for twice their memory; they must not change then."""
        if self.pays_off and self.weight.device.type == "cpu":
            self.at_points = toom_cook.filter_at_points(self.weight.detach().float())

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        x = input
        ready = self.at_points is not None
        shortest = toom_cook.SHORTEST_READY if ready else toom_cook.SHORTEST
        long = self.pays_off and x.shape[-1] >= shortest
        if long and x.device.type == "cpu" and not torch.is_grad_enabled():
            with full_precision(x):
                return toom_cook.convolve(
                    x.float(), self.weight, self.bias, self.dilation[0], self.at_points
                )
        weight = self.weight.unsqueeze(2)
        return F.conv2d(
            x, weight, self.bias, padding=(0, self.same), dilation=(1, self.dilation[0])
        )


class Upsampling(nn.ConvTranspose1d):
    """`[B, C, 1, T]` to `[B, C', 1, rate T]`."""

    def __init__(self, channels: int, out_channels: int, kernel: int, rate: int) -> None:
        super().__init__(channels, out_channels, kernel, rate)
        self.trim = (kernel - rate) // 2

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's name
        output_size: list[int] | None = None,
    ) -> Tensor:
        return F.conv_transpose2d(
            input,
            self.weight.unsqueeze(2),
            self.bias,
            stride=(1, self.stride[0]),
            padding=(0, self.trim),
        )


def laid_out(features: Tensor) -> Tensor:
    """`[B, C, T]` as `[B, C, 1, T]`, channels last on the CPU, where that is the faster layout."""
    x = features.unsqueeze(2)
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x
