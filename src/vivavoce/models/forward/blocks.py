"""The blocks that encoder, predictors and decoder are made of. Know no text and no audio.

Shapes: B batch, T steps, C channels; x `[B, T, C]`, mask `[B, T, 1]` float, 1 where a step is real.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.forward.config import StackConfig


class ConvNeXt(nn.Module):
    """Depthwise convolution over steps, then a feed-forward over channels (Liu 2022)."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        c = config
        self.depthwise = nn.Conv1d(
            c.width, c.width, c.kernel, padding=c.kernel // 2, groups=c.width
        )
        self.norm = nn.LayerNorm(c.width)
        self.expand = nn.Linear(c.width, c.hidden)
        self.contract = nn.Linear(c.hidden, c.width)
        self.scale = nn.Parameter(torch.full((c.width,), 1 / c.layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.depthwise((x * mask).transpose(1, 2)).transpose(1, 2)
        y = self.contract(F.gelu(self.expand(self.norm(y))))
        return x + self.scale * y


class Attention(nn.Module):
    """Pre-norm self-attention with a residual connection."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.width)
        self.inputs = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        parts = self.inputs(self.norm(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each [B, H, T, C/H]
        keep = mask.bool().transpose(1, 2).unsqueeze(1)  # [B, 1, 1, T]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep)
        return x + self.output(y.transpose(1, 2).flatten(2))


class Stack(nn.Module):
    """Equal blocks, one after another, and a norm at the end."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for _ in range(config.layers):
            if config.block == "attention":
                self.blocks.append(Attention(config))
            self.blocks.append(ConvNeXt(config))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) * mask


class PhoneDurations(nn.Module):
    """log(1 + frames) per token `[B, L]`: two convolutions, after FastSpeech (section 3.3)."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(width_in, width, 3, padding=1)
        self.norm_1 = nn.LayerNorm(width)
        self.conv_2 = nn.Conv1d(width, width, 3, padding=1)
        self.norm_2 = nn.LayerNorm(width)
        self.projection = nn.Linear(width, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for conv, norm in ((self.conv_1, self.norm_1), (self.conv_2, self.norm_2)):
            x = norm(torch.relu(conv((x * mask).transpose(1, 2)).transpose(1, 2)))
        return (self.projection(x) * mask).squeeze(2)


def positions(count: int, width: int, device: torch.device) -> Tensor:
    """Sinusoids `[count, width]` (Attention Is All You Need, section 3.5)."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=device) * (-math.log(10000.0) / half))
    angles = torch.arange(count, device=device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)
