"""The blocks of encoder, decoder and predictors. Know no text and no audio.

Shapes: B batch, C channels, T steps; x `[B, C, T]`, mask `[B, 1, T]` float, 1 where a step is real.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.convolution import ShortConv


class FeedForwardTransformer(nn.Module):
    """One post-norm layer: self-attention, then two convolutions (FastSpeech, section 3.1)."""

    def __init__(self, width: int, heads: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.norm_1 = nn.LayerNorm(width)
        self.expand = ShortConv(width, inner, kernel)
        self.contract = ShortConv(inner, width, kernel)
        self.norm_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x, real = x.transpose(1, 2), mask.transpose(1, 2)
        # twice, because the weights were trained so: dropout acted on one of the two
        x = self.norm_1(x + 2 * self.attend(x, mask))
        alone = len(x) == 1  # all of it is real
        y = self.expand(x if alone else x * real).relu_()
        return self.norm_2(x + self.contract(y if alone else y * real)).transpose(1, 2)

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """`[B, T, C]` to the same; no step attends to what is not real."""
        parts = self.inputs(x).unflatten(2, (3, self.heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each [B, H, T, C/H]
        keep = None if len(x) == 1 else mask.bool().unsqueeze(1)  # [B, 1, 1, T]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
        return self.output(y.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    """Layers, one after another."""

    def __init__(self, width: int, layers: int, heads: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            FeedForwardTransformer(width, heads, inner, kernel) for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, mask)
        return x * mask


class ChannelAffine(nn.Module):
    """A batch norm whose statistics are known: a factor and a summand for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class NormedConv(nn.Module):
    """A convolution, a rectifier and a batch norm.

    The convolution sees no padding: steps near the two ends of a row, whose taps would reach
    beyond it, are zero before the rectifier. A row shorter than the kernel is zero everywhere.
    """

    def __init__(self, width: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel, dilation=dilation)
        self.norm = ChannelAffine(width)
        reach = dilation * (kernel - 1)
        self.before, self.behind = reach // 2, reach - reach // 2

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        ends = self.before, self.behind
        whole = F.pad(mask[..., sum(ends) :], ends)[..., : x.shape[-1]]
        return self.norm(torch.relu(self.conv(F.pad(x, ends)) * whole))


class NormedStack(nn.Module):
    """Some of them, one after another."""

    def __init__(self, width: int, kernel: int, dilation: int, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(NormedConv(width, kernel, dilation) for _ in range(count))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, mask)
        return x


class ResidualBlocks(nn.Module):
    """Stacks with a connection around each (SpeedySpeech, section 2.1)."""

    def __init__(
        self, width: int, kernel: int, dilations: tuple[int, ...], convolutions: int
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            NormedStack(width, kernel, dilation, convolutions) for dilation in dilations
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x * mask
        for block in self.blocks:
            x = (x + block(x, mask)) * mask
        return x


class BatchNormDurations(nn.Module):
    """Log-durations `[B, 1, T]` from convolutions of 4, 3 and 1 taps, as AlignTTS has them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(NormedConv(width, kernel) for kernel in (4, 3, 1))
        self.projection = nn.Conv1d(width, 1, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, mask) * mask
        return self.projection(x) * mask
