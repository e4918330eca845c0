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

FEW, MANY = 16, 8
"""Outputs times taps up to which, and inputs from which on, it is one product and a sum."""


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
        self.filter: toom_cook.Filter | None = None

    def freeze(self, narrowest: int = toom_cook.NARROWEST, shares: int = 1) -> None:
        """Do the work on the weights once, for up to thrice their memory and as much again for each
        further one of the `shares` of a signal; they must not change then. `narrowest` is the
        number of channels from which on fewer products are faster.
        """
        lay_out_weight(self)
        sizes = self.in_channels, self.out_channels, self.kernel_size[0]
        if self.weight.device.type == "cpu" and toom_cook.pays_off(*sizes, narrowest):
            weight = self.weight.detach()
            self.filter = toom_cook.Filter(weight, self.bias, self.dilation[0], shares)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        x = input
        if x.device.type == "cpu" and not torch.is_grad_enabled():
            if self.filter is not None and x.shape[-1] >= toom_cook.SHORTEST:
                with full_precision(x):
                    return toom_cook.convolve(x.float(), self.filter)
            if self.out_channels * self.kernel_size[0] <= FEW and self.in_channels >= MANY:
                return self._few(x)
        weight = self.weight.unsqueeze(2)
        return F.conv2d(
            x, weight, self.bias, padding=(0, self.same), dilation=(1, self.dilation[0])
        )

    def _few(self, x: Tensor) -> Tensor:
        """For few outputs: what each tap makes of each step, then sums of shifted rows."""
        kernel, length = self.kernel_size[0], x.shape[-1]
        each = self.weight.transpose(1, 2).flatten(0, 1) @ x[:, :, 0]
        each = F.pad(each.unflatten(1, (-1, kernel)), (self.same, self.same))
        *outer, row, step = each.stride()
        shifted = each.as_strided(
            (*each.shape[:3], length), (*outer, row + self.dilation[0] * step, step)
        )
        made = shifted.sum(2)
        return (made if self.bias is None else made.add_(self.bias[:, None])).unsqueeze(2)


class ShortConv(nn.Conv1d):
    """A convolution over T of `[B, T, C]`, same length, of few taps; the weight is `[C', C, K]`."""

    at_points: Tensor | None

    def __init__(self, channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(channels, out_channels, kernel, padding=kernel // 2)
        self.register_buffer("at_points", None, persistent=False)

    def freeze(self) -> None:
        """Do the work on the weights once, for twice their memory; they must not change then."""
        wanted = toom_cook.short_pays_off(self.in_channels, self.out_channels, self.kernel_size[0])
        if wanted and self.weight.device.type == "cpu":
            self.at_points = toom_cook.short_filter(self.weight.detach().float())

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        long = self.at_points is not None and input.shape[1] >= toom_cook.SHORTEST_SHORT
        if long and input.dtype == torch.float32 and input.device.type == "cpu":
            assert self.at_points is not None
            return toom_cook.convolve_short(input, self.at_points, self.bias)
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class ReflectedConv(Conv):
    """A convolution of the same length whose input is mirrored at its ends."""

    def freeze(self, narrowest: int = 0, shares: int = 1) -> None:
        """Only lay the weight out: the fewer products need zeros at the ends."""
        lay_out_weight(self)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        padded = F.pad(input, (self.same, self.same, 0, 0), mode="reflect")
        return F.conv2d(padded, self.weight.unsqueeze(2), self.bias, dilation=(1, self.dilation[0]))


class Upsampling(nn.ConvTranspose1d):
    """`[B, C, 1, T]` to `[B, C', 1, rate T]`; of an odd surplus the beginning loses more."""

    def __init__(self, channels: int, out_channels: int, kernel: int, rate: int) -> None:
        super().__init__(channels, out_channels, kernel, rate)
        self.spare = (kernel - rate) % 2
        self.trim = (kernel - rate + self.spare) // 2

    def freeze(self) -> None:
        """Do the work on the weights once."""
        lay_out_weight(self)

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
            output_padding=(0, self.spare),
        )


def lay_out_weight(layer: nn.Conv1d | nn.ConvTranspose1d) -> None:
    """Channels last on the CPU: the same values in the order in which they are read."""
    weight = layer.weight
    if weight.device.type == "cpu":
        weight.data = weight.data.transpose(1, 2).contiguous().transpose(1, 2)


def laid_out(features: Tensor) -> Tensor:
    """`[B, C, T]` as `[B, C, 1, T]`, channels last on the CPU, where that is the faster layout."""
    x = features.unsqueeze(2)
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


CONVNEXT_KERNEL = 7
CONVNEXT_EPS = 1e-6


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a feed-forward over channels; Vocos section 3.2."""

    def __init__(self, dim: int, hidden_dim: int, initial_scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(
            dim, dim, CONVNEXT_KERNEL, padding=CONVNEXT_KERNEL // 2, groups=dim
        )
        self.norm = nn.LayerNorm(dim, eps=CONVNEXT_EPS)
        self.expand = nn.Linear(dim, hidden_dim)
        self.contract = nn.Linear(hidden_dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), initial_scale))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, D, T]` to `[B, D, T]`."""
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.contract(nn.functional.gelu(self.expand(y)))
        return x + (self.scale * y).transpose(1, 2)


class ConvNeXtBackbone(nn.Module):
    """Features to hidden states, all at frame rate.

    `reach` is the frames on each side that a frame's states depend on.
    """

    def __init__(self, n_channels: int, dim: int, hidden_dim: int, n_layers: int) -> None:
        super().__init__()
        self.embed = nn.Conv1d(n_channels, dim, CONVNEXT_KERNEL, padding=CONVNEXT_KERNEL // 2)
        self.norm = nn.LayerNorm(dim, eps=CONVNEXT_EPS)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(dim, hidden_dim, 1 / n_layers) for _ in range(n_layers)
        )
        self.final_norm = nn.LayerNorm(dim, eps=CONVNEXT_EPS)
        self.reach = CONVNEXT_KERNEL // 2 * (n_layers + 1)

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, T]` to `[B, T, D]`."""
        x = self.norm(self.embed(features).transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x.transpose(1, 2))
