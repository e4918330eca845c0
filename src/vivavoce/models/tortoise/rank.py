"""CLVP: how well codes of speech say a text (Betker, arXiv:2305.07243).

Two encoders that map a text and its speech close together, as CLIP does images (Radford et al.,
arXiv:2103.00020). Shapes: B rows, N positions, W width, H heads, D width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.tortoise.config import RankConfig
from vivavoce.runtime.attention import attention
from vivavoce.runtime.rotary import rotary_table

HEAD, TURNED = 64, 32
"""Numbers of a head, and how many of them are turned by the position."""
SMALLEST = 1e-8


class RankNorm(nn.Module):
    """Vectors brought to the length √W, then scaled by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * x.shape[-1] ** -0.5
        return x / length.clamp(min=SMALLEST) * self.g


class RankAttention(nn.Module):
    """Every position attends to all; the values are turned too, as the published code does."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norm = heads, RankNorm(width)
        self.to_q = nn.Linear(width, heads * HEAD, bias=False)
        self.to_k = nn.Linear(width, heads * HEAD, bias=False)
        self.to_v = nn.Linear(width, heads * HEAD, bias=False)
        self.to_out = nn.Linear(heads * HEAD, width)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        x, y = self.norm(x), x
        q, k, v = (self._turned(part(x), table) for part in (self.to_q, self.to_k, self.to_v))
        heard = attention(q * HEAD**-0.5, k, v)
        return y + self.to_out(heard.transpose(1, 2).flatten(2))

    def _turned(self, x: Tensor, table: Tensor) -> Tensor:
        """`[B, N, H D]` to `[B, H, N, D]`; number j is turned with the one half of them behind."""
        x = x.unflatten(-1, (self.heads, HEAD)).transpose(1, 2)
        first, second, rest = x.split([TURNED // 2, TURNED // 2, HEAD - TURNED], dim=-1)
        cos, sin = table.unbind(-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], dim=-1)


class RankFeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = RankNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        value, gate = self.up(self.norm(x)).chunk(2, dim=-1)
        return x + self.down(value * F.gelu(gate))


class RankEncoder(nn.Module):
    """Ids `[B, N]` to a vector `[B, latent]` of length 1."""

    def __init__(self, config: RankConfig, n_tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, config.width)
        self.layers = nn.ModuleList()
        for _ in range(config.depth):
            self.layers.append(RankAttention(config.width, config.heads))
            self.layers.append(RankFeedForward(config.width))
        self.norm = nn.LayerNorm(config.width)
        self.latent = nn.Linear(config.width, config.latent, bias=False)

    def states(self, ids: Tensor) -> Tensor:
        """`[B, N, W]`."""
        x, table = self.embedding(ids), rotary_table(ids.shape[1], TURNED, ids.device)
        for layer in self.layers:
            x = layer(x, table)
        return self.norm(x)

    def forward(self, ids: Tensor) -> Tensor:
        return F.normalize(self.latent(self.states(ids).mean(1)), dim=-1)


class Rank(nn.Module):
    """The two encoders; `temperature` is the logarithm of what their products are scaled by."""

    def __init__(self, config: RankConfig) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.text = RankEncoder(config, config.text_tokens)
        self.speech = RankEncoder(config, config.code_tokens)

    def forward(self, text: Tensor, codes: Tensor) -> Tensor:
        """Of a text `[1, L]` and takes `[B, K]`, how well each says it `[B]`; higher is better."""
        return (self.text(text) * self.speech(codes)).sum(-1) * self.temperature.exp()
