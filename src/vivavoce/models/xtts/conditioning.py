"""How XTTS hears whom it is to sound like: a mel to the latents before the text.

The encoder is Tortoise's (`nn/mel_attention.py`), the resampler Flamingo's (Alayrac et al.
2022, arXiv:2204.14198, section 3.1); names and quirks are the published checkpoints'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.nn.mel_attention import ConditioningEncoder
from vivavoce.runtime.attention import attention


class Conditioning(nn.Module):
    """The encoder and, where the model has one, the perceiver behind it."""

    def __init__(self, config: XttsConfig) -> None:
        super().__init__()
        c = config
        self.encoder = ConditioningEncoder(c.n_mels, c.width, c.heads, c.condition_blocks)
        self.perceiver = Perceiver(config) if config.perceiver else None

    def forward(self, mel: Tensor) -> Tensor:
        """`[B, M, T]`, scaled by the checkpoint's statistics, to latents `[B, N, W]`.

        N is the config's `n_latents`; without a perceiver it is T.
        """
        heard = self.encoder(mel).transpose(1, 2)
        return heard if self.perceiver is None else self.perceiver(heard)


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
