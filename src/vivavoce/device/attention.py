"""Attention over whole sequences, by the fastest exact form on the device. Knows no models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def attention(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
    """softmax(q kᵀ / sqrt(K)) v for `[B, H, N, K]`; no causal mask.

    Row b attends to its first `lengths[b]` positions only; what comes out behind them means
    nothing. Without `lengths` every position counts.
    """
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=_mask(q, lengths))
    if lengths is None:
        return _whole(q, k, v)
    out = torch.zeros_like(q.transpose(1, 2)).transpose(1, 2)
    for row, n in enumerate(lengths):
        part = slice(row, row + 1)
        out[part, :, :n] = _whole(q[part, :, :n], k[part, :, :n], v[part, :, :n])
    return out


def _whole(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """On a CPU in half precision, torch's fused kernel is slower than two products per head."""
    if q.dtype == torch.float32 or torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v)
    out = torch.empty_like(q.transpose(1, 2)).transpose(1, 2)
    scale = q.shape[-1] ** -0.5
    for row in range(q.shape[0]):
        for head in range(q.shape[1]):
            scores = torch.mm(q[row, head] * scale, k[row, head].t())
            out[row, head] = torch.mm(torch.softmax(scores, -1), v[row, head])
    return out


def _mask(q: Tensor, lengths: Sequence[int] | None) -> Tensor | None:
    if lengths is None:
        return None
    ends = torch.tensor(list(lengths), device=q.device)
    real = torch.arange(q.shape[2], device=q.device) < ends[:, None]
    return real[:, None, None, :]
