"""A post-norm transformer over channels-first sequences, with learned relative positions.

The text encoders of Glow-TTS and VITS are made of it.
Shapes: hidden `[B, C, L]`, mask `[B, 1, L]` float, H heads, D channels a head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of `[B, C, T]`."""

    def __init__(self, channels: int, eps: float = 1e-4) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = F.layer_norm(x.transpose(1, 2), (x.shape[1],), self.weight, self.bias, eps=self.eps)
        return rows.transpose(1, 2)


class RelativeAttention(nn.Module):
    """Multi-head self-attention, with learned relative positions inside a window if asked."""

    def __init__(self, width: int, heads: int, window: int | None, dropout: float) -> None:
        super().__init__()
        self.heads, self.window, self.dropout = heads, window, dropout
        self.query = nn.Conv1d(width, width, 1)
        self.key = nn.Conv1d(width, width, 1)
        self.value = nn.Conv1d(width, width, 1)
        self.output = nn.Conv1d(width, width, 1)
        for conv in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(conv.weight)
        if window is not None:
            depth = width // heads
            shape = (2 * window + 1, depth)
            self.relative_key = nn.Parameter(torch.randn(shape) * depth**-0.5)
            self.relative_value = nn.Parameter(torch.randn(shape) * depth**-0.5)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (self._split(conv(x)) for conv in (self.query, self.key, self.value))
        dropout = self.dropout if self.training else 0.0
        keep = mask.bool().unsqueeze(1)  # [B, 1, 1, L]: keys that exist
        if self.window is None:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep, dropout_p=dropout)
        else:
            y = self._relative(q, k, v, keep, dropout)
        return self.output(y.transpose(2, 3).flatten(1, 2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.heads, -1)).transpose(2, 3)  # [B, H, L, D/H]

    def _relative(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor, dropout: float) -> Tensor:
        """Shaw et al. 2018: scores and outputs get a term that depends on the distance."""
        window = self.window or 0
        length = q.shape[2]
        steps = torch.arange(length, device=q.device)
        distance = steps[None, :] - steps[:, None] + window  # [L, L], 0 .. 2w inside
        inside = (distance >= 0) & (distance <= 2 * window)
        index = distance.clamp(0, 2 * window).expand(*q.shape[:2], length, length)
        near = torch.matmul(q, self.relative_key.t()).gather(3, index) * inside
        scores = (torch.matmul(q, k.transpose(2, 3)) + near) / math.sqrt(q.shape[3])
        p = F.dropout(scores.masked_fill(~keep, -1e4).softmax(-1), dropout)
        offsets = steps[:, None] + torch.arange(-window, window + 1, device=q.device)
        valid = (offsets >= 0) & (offsets < length)
        picked = p.gather(3, offsets.clamp(0, length - 1).expand(*p.shape[:2], -1, -1)) * valid
        return torch.matmul(p, v) + torch.matmul(picked, self.relative_value)


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.pad = ((kernel - 1) // 2, kernel // 2)
        self.expand = nn.Conv1d(width, inner, kernel)
        self.contract = nn.Conv1d(inner, width, kernel)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.dropout(torch.relu(self.expand(F.pad(x * mask, self.pad))))
        return self.contract(F.pad(y * mask, self.pad)) * mask


class EncoderLayer(nn.Module):
    """Post-norm transformer layer."""

    def __init__(
        self,
        width: int,
        heads: int,
        inner: int,
        kernel: int,
        window: int | None,
        dropout: float,
        eps: float = 1e-4,
    ) -> None:
        super().__init__()
        self.attention = RelativeAttention(width, heads, window, dropout)
        self.norm_1 = ChannelNorm(width, eps)
        self.feed_forward = FeedForward(width, inner, kernel, dropout)
        self.norm_2 = ChannelNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.norm_1(x + self.dropout(self.attention(x, mask)))
        return self.norm_2(x + self.dropout(self.feed_forward(x, mask)))
