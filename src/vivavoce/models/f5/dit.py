"""The diffusion transformer of F5-TTS (arXiv:2410.06885, 3.1).

Shapes: B rows, N frames, D width, M mels, S points in time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.f5.backbone import Context, F5Backbone
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.layers import EPS, F5Attention, F5FeedForward
from vivavoce.runtime.arithmetic import Arithmetic


class DitBlock(nn.Module):
    """Attention and feed-forward, both shifted, scaled and gated by the point in time."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.modulation = nn.Linear(config.dim, 6 * config.dim)
        self.attention = F5Attention(config)
        self.feed_forward = F5FeedForward(config.dim, config.ff_mult)

    def forward(
        self, h: Tensor, modulation: Tensor, context: Context, dtype: torch.dtype
    ) -> Tensor:
        """`h` `[B, N, D]` float32, overwritten where no gradients are kept.

        `modulation` is an entry of the schedule, `[6 D]`, or `[B, 6 D]` in training.
        """
        shift_a, factor_a, gate_a, shift_f, factor_f, gate_f = modulation.chunk(6, dim=-1)
        x = modulated(h, factor_a, shift_a).to(dtype)
        h = gated(h, self.attention(x, context.rotary, context.rows), gate_a)
        x = modulated(h, factor_f, shift_f).to(dtype)
        return gated(h, self.feed_forward(x), gate_f)

    def freeze(self, arithmetic: Arithmetic) -> None:
        self.attention.freeze(arithmetic)
        self.feed_forward.freeze(arithmetic)


class DiT(F5Backbone):
    def __init__(self, config: F5Config) -> None:
        super().__init__(config)
        blocks = [DitBlock(config) for _ in range(config.depth)]
        self.blocks = nn.ModuleList(blocks)
        self.modulation = nn.Linear(config.dim, 2 * config.dim)
        self.skip = nn.Linear(2 * config.dim, config.dim, bias=False) if config.long_skip else None
        for layer in (*(b.modulation for b in blocks), self.modulation, self.output):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def schedule(self, times: Tensor) -> list[Tensor]:
        """Everything that depends on the time alone: per block `[S, 6 D]`, and last `[S, 2 D]`.

        Scales are in it as the factors 1 + scale.
        """
        time = F.silu(self.time(times))
        blocks = (block.get_submodule("modulation") for block in self.blocks)
        return [
            *(factored(layer(time), 6, scales=(1, 4)) for layer in blocks),
            factored(self.modulation(time), 2, scales=(0,)),
        ]

    def transform(self, h: Tensor, schedule: list[Tensor], context: Context) -> Tensor:
        first = h.clone() if self.skip is not None else h
        for block, modulation in zip(self.blocks, schedule, strict=False):
            h = self.run(block, h, modulation, context, self.dtype)
        if self.skip is not None:
            h = self.skip(torch.cat([h, first], dim=-1))
        factor, shift = schedule[-1].chunk(2, dim=-1)
        return self.output(modulated(h, factor, shift))

    def forget_schedule_weights(self) -> None:
        super().forget_schedule_weights()
        for layer in (self, *self.blocks):
            layer.modulation = nn.Identity()


def factored(modulation: Tensor, n_parts: int, scales: tuple[int, ...]) -> Tensor:
    """`[S, n_parts D]` with 1 added to the parts that are scales."""
    parts = list(modulation.chunk(n_parts, dim=-1))
    for part in scales:
        parts[part] = 1 + parts[part]
    return torch.cat(parts, dim=-1)


def modulated(h: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    """Layer norm without weights of its own, then multiplied by `factor` and shifted.

    One kernel where all rows share the point in time.
    """
    if factor.dim() == 1:
        return F.layer_norm(h, h.shape[-1:], factor, shift, EPS)
    return F.layer_norm(h, h.shape[-1:], eps=EPS) * factor[:, None] + shift[:, None]


def gated(h: Tensor, change: Tensor, gate: Tensor) -> Tensor:
    """`h + gate * change`, in the place of `h` where nobody needs it for gradients."""
    gate = gate if gate.dim() == 1 else gate[:, None]
    if torch.is_grad_enabled():
        return torch.addcmul(h, change, gate)
    return h.addcmul_(change.float(), gate)
