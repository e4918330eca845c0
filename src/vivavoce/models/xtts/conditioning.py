"""How XTTS hears whom it is to sound like: a mel to the latents before the text.

The encoder is Tortoise's (Betker 2023, arXiv:2305.07243), the resampler Flamingo's (Alayrac et al.
2022, arXiv:2204.14198, section 3.1); names and quirks are the published checkpoints'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.runtime.attention import attention

MOST_GROUPS = 32


class Conditioning(nn.Module):
    """The encoder and, where the model has one, the perceiver behind it."""

    def __init__(self, config: XttsConfig) -> None:
        super().__init__()
        self.encoder = ConditioningEncoder(config)
        self.perceiver = Perceiver(config) if config.perceiver else None

    def forward(self, mel: Tensor) -> Tensor:
        """`[B, M, T]`, scaled by the checkpoint's statistics, to latents `[B, N, W]`.

        N is the config's `n_latents`; without a perceiver it is T.
        """
        heard = self.encoder(mel).transpose(1, 2)
        return heard if self.perceiver is None else self.perceiver(heard)


class ConditioningEncoder(nn.Module):
    """`[B, M, T]` to `[B, W, T]`; every frame attends to every other."""

    def __init__(self, config: XttsConfig) -> None:
        super().__init__()
        self.init = nn.Conv1d(config.n_mels, config.width, 1)
        blocks = (
            AttentionBlock(config.width, config.heads) for _ in range(config.condition_blocks)
        )
        self.attn = nn.Sequential(*blocks)

    def forward(self, mel: Tensor) -> Tensor:
        return self.attn(self.init(mel))


class AttentionBlock(nn.Module):
    """GN(x) + attention(GN(x)): what is added to is the normalised input, not the input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups(width), width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.proj_out = nn.Conv1d(width, width, 1)
        for parameter in self.proj_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        scale, shift = norm.weight.float(), norm.bias.float()
        x = F.group_norm(x.float(), norm.num_groups, scale, shift, norm.eps).to(x.dtype)
        batch, width, frames = x.shape
        # each head's queries, keys and values follow one another
        split = self.qkv(x).view(batch, self.heads, 3, width // self.heads, frames)
        # rows that follow one another: else the CPU has only its slow form of attention
        q, k, v = split.transpose(3, 4).contiguous().unbind(2)
        heard = attention(q * q.shape[-1] ** -0.5, k, v)
        return x + self.proj_out(heard.transpose(2, 3).reshape(batch, width, frames))


def groups(width: int) -> int:
    """How many groups of channels are normalised together: 32, fewer in narrow models."""
    found = 8 if width <= 16 else 16 if width <= 64 else MOST_GROUPS
    while width % found:
        found //= 2
    return found


class Perceiver(nn.Module):
    """`[B, T, W]` of any length to `[B, N, W]`: N learned queries that read it."""

    def __init__(self, config: XttsConfig) -> None:
        super().__init__()
        self.latents = nn.Parameter(0.02 * torch.randn(config.n_latents, config.width))
        layers = (PerceiverLayer(config) for _ in range(config.perceiver_depth))
        self.layers = nn.ModuleList(layers)
        self.norm = UnitNorm(config.width)

    def forward(self, heard: Tensor) -> Tensor:
        latents = self.latents.expand(len(heard), -1, -1)
        for layer in self.layers:
            latents = layer(latents, heard)
        return self.norm(latents)


class PerceiverLayer(nn.ModuleList):
    """Cross-attention and a gated feed-forward, each added to its input; nothing is normalised."""

    def __init__(self, config: XttsConfig) -> None:
        inner = int(config.width * 4 * 2 / 3)
        feed_forward = nn.Sequential(
            nn.Linear(config.width, 2 * inner), Gate(), nn.Linear(inner, config.width)
        )
        super().__init__([CrossAttention(config), feed_forward])

    def forward(self, latents: Tensor, heard: Tensor) -> Tensor:
        attend, feed_forward = self
        latents = latents + attend(latents, heard)
        return latents + feed_forward(latents)


class CrossAttention(nn.Module):
    """The latents ask; they answer as well as what was heard."""

    def __init__(self, config: XttsConfig) -> None:
        super().__init__()
        self.heads = config.perceiver_heads
        inner = config.perceiver_heads * config.perceiver_head_dim
        self.to_q = nn.Linear(config.width, inner, bias=False)
        self.to_kv = nn.Linear(config.width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, config.width, bias=False)

    def forward(self, latents: Tensor, heard: Tensor) -> Tensor:
        q = self._by_head(self.to_q(latents))
        keys, values = self.to_kv(torch.cat([latents, heard], dim=1)).chunk(2, dim=-1)
        found = attention(q * q.shape[-1] ** -0.5, self._by_head(keys), self._by_head(values))
        return self.to_out(found.transpose(1, 2).flatten(2))

    def _by_head(self, x: Tensor) -> Tensor:
        """`[B, N, H * K]` to `[B, H, N, K]`."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Gate(nn.Module):
    """The first half of the channels, as far as the GELU of the second lets it through."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return value * F.gelu(gate)


class UnitNorm(nn.Module):
    """Vectors brought to the length √W, then scaled by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        unit = F.normalize(x.float(), dim=-1) * x.shape[-1] ** 0.5
        return unit.to(x.dtype) * self.gamma
