"""Attention over the frames of a mel, as Tortoise's networks have it (Betker, arXiv:2305.07243).

Shapes: B rows, M mels, W width, T frames. Names and quirks are the published checkpoints'.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.relative import buckets, by_pair
from vivavoce.runtime.attention import attention, cached_attention

MOST_GROUPS = 32
BUCKETS, MAX_DISTANCE = 32, 64


class ConditioningEncoder(nn.Module):
    """`[B, M, T]` to `[B, W, T]`; every frame attends to every other."""

    def __init__(
        self, n_mels: int, width: int, heads: int, blocks: int, residual: bool = False
    ) -> None:
        super().__init__()
        self.init = nn.Conv1d(n_mels, width, 1)
        self.attn = nn.Sequential(*(AttentionBlock(width, heads, residual) for _ in range(blocks)))

    def forward(self, mel: Tensor) -> Tensor:
        return self.attn(self.init(mel))


class AttentionBlock(nn.Module):
    """GN(x) + attention(GN(x)): what is added to is the normalised input, not the input.

    With `residual` it is the input. With `relative`, heads know how far frames lie apart.
    """

    def __init__(
        self, width: int, heads: int, residual: bool = False, relative: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.residual = heads, residual
        self.norm = nn.GroupNorm(groups(width), width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.proj_out = nn.Conv1d(width, width, 1)
        self.relative_pos_embeddings = Distances(heads, width // heads) if relative else None
        for parameter in self.proj_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        scale, shift = norm.weight.float(), norm.bias.float()
        normal = F.group_norm(x.float(), norm.num_groups, scale, shift, norm.eps).to(x.dtype)
        batch, width, frames = x.shape
        # each head's queries, keys and values follow one another
        split = self.qkv(normal).view(batch, self.heads, 3, width // self.heads, frames)
        # rows that follow one another: else the CPU has only its slow form of attention
        q, k, v = split.transpose(3, 4).contiguous().unbind(2)
        if self.relative_pos_embeddings is None:
            heard = attention(q * q.shape[-1] ** -0.5, k, v)
        else:
            heard = cached_attention(q, k, v, self.relative_pos_embeddings(frames))
        heard = self.proj_out(heard.transpose(2, 3).reshape(batch, width, frames))
        return (x if self.residual else normal) + heard


class Distances(nn.Module):
    """What is added to the scores of every two of T frames, `[1, H, T, T]`."""

    def __init__(self, heads: int, head_width: int) -> None:
        super().__init__()
        self.scale = head_width**0.5
        self.relative_attention_bias = nn.Embedding(BUCKETS, heads)

    def forward(self, frames: int) -> Tensor:
        table = self.relative_attention_bias
        values = table(buckets(frames, BUCKETS, MAX_DISTANCE).to(table.weight.device))
        return by_pair(values.t() * self.scale)[None]


def groups(width: int) -> int:
    """How many groups of channels are normalised together: 32, fewer in narrow models."""
    found = 8 if width <= 16 else 16 if width <= 64 else MOST_GROUPS
    while width % found:
        found //= 2
    return found
