"""WavLM: what is said in a recording, frame by frame (Chen et al. 2021, arXiv:2110.13900).

Shapes: samples `[B, S]` at 16 kHz, frames `[B, T, W]`, H heads, D channels a head.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.relative import buckets, by_pair
from vivavoce.nn.wavlm_config import KERNELS, STRIDES, WavLmConfig


class WavLmConv(nn.Module):
    """A convolution, layer normalisation over its channels, GELU."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width_in, width, kernel, stride=stride, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.conv(x).transpose(1, 2)).transpose(1, 2))


class WavLmLayer(nn.Module):
    """A transformer layer with normalisation first and gated relative positions (section 3.1)."""

    def __init__(self, config: WavLmConfig) -> None:
        super().__init__()
        c = config
        self.heads = c.heads
        self.norm_1, self.norm_2 = nn.LayerNorm(c.width), nn.LayerNorm(c.width)
        self.query, self.key = nn.Linear(c.width, c.width), nn.Linear(c.width, c.width)
        self.value, self.output = nn.Linear(c.width, c.width), nn.Linear(c.width, c.width)
        self.gate = nn.Linear(c.width // c.heads, 8)
        self.gate_scale = nn.Parameter(torch.ones(1, c.heads, 1, 1))
        self.expand, self.contract = nn.Linear(c.width, c.hidden), nn.Linear(c.hidden, c.width)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Frames `[B, T, W]`, relative positions `[1, H, T, T]`."""
        x = x + self._attended(self.norm_1(x), positions)
        return x + self.contract(F.gelu(self.expand(self.norm_2(x))))

    def _attended(self, x: Tensor, positions: Tensor) -> Tensor:
        gates = self.gate(self._split(x)).unflatten(-1, (2, 4)).sum(-1).sigmoid()
        update, reset = gates.split(1, -1)
        bias = (update * (reset * self.gate_scale - 1) + 2) * positions
        query, key, value = (self._split(part(x)) for part in (self.query, self.key, self.value))
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.output(y.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class WavLM(nn.Module):
    """Samples as they are, not normalised: its users leave that out, whatever its file says."""

    def __init__(self, config: WavLmConfig) -> None:
        super().__init__()
        self.config = c = config
        sizes = zip(pairwise((1, *c.convs)), KERNELS, STRIDES, strict=True)
        self.convs = nn.ModuleList(WavLmConv(a, b, k, s) for (a, b), k, s in sizes)
        self.norm = nn.LayerNorm(c.convs[-1])
        self.project = nn.Linear(c.convs[-1], c.width)
        kernel, groups = c.position_kernel, c.position_groups
        self.position_conv = nn.Conv1d(c.width, c.width, kernel, padding=kernel // 2, groups=groups)
        self.positions = nn.Embedding(c.buckets, c.heads)
        self.layers = nn.ModuleList(WavLmLayer(c) for _ in range(c.layers))
        self.final_norm = nn.LayerNorm(c.width) if c.final_norm else None

    def forward(self, samples: Tensor) -> Tensor:
        """`[B, S]` to `[B, T, W]`; T is (S - 400) // 320 + 1. S must be at least 400."""
        x = self.features(samples).transpose(1, 2)
        x = self.project(self.norm(x))
        around = self.position_conv(x.transpose(1, 2))[..., : x.shape[1]]
        x = x + F.gelu(around).transpose(1, 2)
        positions = self._relative(x.shape[1], x.device)
        for layer in self.layers:
            x = layer(x, positions)
        return x if self.final_norm is None else self.final_norm(x)

    def features(self, samples: Tensor) -> Tensor:
        """What the convolutions make of samples, `[B, C, T]`."""
        x = samples.unsqueeze(1)
        for conv in self.convs:
            x = conv(x)
        return x

    def _relative(self, frames: int, device: torch.device) -> Tensor:
        """Learned numbers for the distance of two frames, `[1, H, T, T]`; far ones share them."""
        c = self.config
        bucket = buckets(frames, c.buckets, c.max_distance).to(device)
        return by_pair(self.positions(bucket).t())[None]
