"""The flat U-Net transformer of E2-TTS (arXiv:2406.18009, 2.1).

Shapes: R rows, N frames, D width, M mels, S points in time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.f5.backbone import Context, F5Backbone
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.layers import F5Attention, F5FeedForward
from vivavoce.runtime.arithmetic import Arithmetic


class Norm(nn.Module):
    """To length sqrt(D) times a weight per channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) * (self.weight * math.sqrt(len(self.weight)))


class UNetLayer(nn.Module):
    def __init__(self, config: F5Config, joins: bool) -> None:
        super().__init__()
        self.skip = nn.Linear(2 * config.dim, config.dim, bias=False) if joins else None
        self.attention_norm = Norm(config.dim)
        self.attention = F5Attention(config)
        self.feed_forward_norm = Norm(config.dim)
        self.feed_forward = F5FeedForward(config.dim, config.ff_mult)

    def forward(
        self, h: Tensor, earlier: Tensor | None, context: Context, dtype: torch.dtype
    ) -> Tensor:
        """`h` `[R, N + 1, D]` float32; `earlier` is what the mirrored layer began with."""
        if earlier is not None and self.skip is not None:
            h = self.skip(torch.cat([h, earlier], dim=-1).to(dtype)).float()
        elif earlier is not None:
            h = h + earlier
        x = self.attention_norm(h).to(dtype)
        h = h + self.attention(x, context.rotary, context.rows)
        return h + self.feed_forward(self.feed_forward_norm(h).to(dtype))

    def freeze(self, arithmetic: Arithmetic) -> None:
        self.attention.freeze(arithmetic)
        self.feed_forward.freeze(arithmetic)
        if self.skip is not None:
            self.skip = arithmetic.linear(self.skip)


class UNetT(F5Backbone):
    """The point in time is the first frame; the later half takes in what the earlier began with."""

    extra_frames = 1

    def __init__(self, config: F5Config) -> None:
        super().__init__(config)
        half = config.depth // 2
        self.blocks = nn.ModuleList(
            UNetLayer(config, joins=n >= half and config.skip == "concat")
            for n in range(config.depth)
        )
        self.norm = Norm(config.dim)

    def schedule(self, times: Tensor) -> list[Tensor]:
        return [self.time(times)]

    def transform(self, h: Tensor, schedule: list[Tensor], context: Context) -> Tensor:
        time = schedule[0].expand(len(h), -1).unsqueeze(1)
        h = torch.cat([time, h], dim=1)
        kept: list[Tensor] = []
        for number, layer in enumerate(self.blocks):
            later = number >= len(self.blocks) // 2
            earlier = kept.pop() if later else None
            if not later:
                kept.append(h)
            h = self.run(layer, h, earlier, context, self.dtype)
        return self.output(self.norm(h)[:, 1:])
