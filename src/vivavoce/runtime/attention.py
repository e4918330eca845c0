"""Attention, by the fastest exact form on the device: `attention` over whole sequences,
`cached_attention` over what came before.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

QUERIES = 128
"""At once in `query_blocks`."""
BLOCK_BYTES = 2_600_000
"""Scores of one head that are computed at once."""


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lengths: Sequence[int] | None = None,
    separate: bool = False,
) -> Tensor:
    """softmax(q kᵀ) v for `[B, H, N, K]`, the queries already scaled; no causal mask.

    Row b attends to its first `lengths[b]` positions only; what comes out behind them means
    nothing. Without `lengths` every position counts. `separate` is for CPUs where two products
    per head are faster than torch's fused kernel.
    """
    q, k, v = _takeable(q, k, v)
    if keeps_scores(q.device) and torch.is_grad_enabled() and q.requires_grad:
        return query_blocks(q, k, v, _mask(q, lengths))
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=_mask(q, lengths), scale=1.0)
    whole = blocked_attention if separate and not torch.is_grad_enabled() else fused
    if lengths is None:
        return whole(q, k, v)
    out = torch.zeros_like(q.transpose(1, 2)).transpose(1, 2)
    for row, n in enumerate(lengths):
        part = slice(row, row + 1)
        out[part, :, :n] = whole(q[part, :, :n], k[part, :, :n], v[part, :, :n])
    return out


def query_blocks(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, size: int = QUERIES
) -> Tensor:
    """`attention` for training, some queries at a time, each block again in the backward pass.

    The scores of one block are alive at once, where autograd would keep all N x N of them.
    """

    def block(some: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(some, k, v, attn_mask=mask, scale=1.0)

    parts = [checkpoint(block, some, use_reentrant=False) for some in q.split(size, dim=2)]
    return torch.cat([part for part in parts if part is not None], dim=2)


def cached_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Attention of `[B, H, N, K]` over `[B, H, M, K]` where `mask` (bool) allows it, scaled.

    `causal` instead of a mask: position n sees the first n + 1. `dropout` is of the weights, in
    training.
    """
    q, k, v = _takeable(q, k, v)
    if causal and not dropout and keeps_scores(q.device) and q.requires_grad:
        return causal_blocks(q, k, v)
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, dropout_p=dropout
    )


def causal_blocks(q: Tensor, k: Tensor, v: Tensor, size: int = QUERIES) -> Tensor:
    """Causal `cached_attention` for training, as `query_blocks`; a block sees no later keys."""

    def block(some: Tensor, end: int) -> Tensor:
        seen = torch.ones(some.shape[2], end, dtype=torch.bool, device=some.device)
        mask = seen.tril(end - some.shape[2])
        return F.scaled_dot_product_attention(some, k[:, :, :end], v[:, :, :end], attn_mask=mask)

    parts, end = [], 0
    for some in q.split(size, dim=2):
        end += some.shape[2]
        parts.append(checkpoint(block, some, end, use_reentrant=False))
    return torch.cat([part for part in parts if part is not None], dim=2)


def keeps_scores(device: torch.device) -> bool:
    """Whether attention with a gradient keeps its N x N scores: MPS has no fused form of it."""
    return device.type == "mps"


def _takeable(*parts: Tensor) -> tuple[Tensor, ...]:
    """Before macOS 15 the kernel of MPS takes only what is contiguous."""
    return tuple(x.contiguous() for x in parts) if parts[0].device.type == "mps" else parts


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, scale=1.0)


def blocked_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Per head, and for as many queries at once as have scores that stay near the processor."""
    out = torch.empty_like(q.transpose(1, 2)).transpose(1, 2)
    n = q.shape[2]
    block = -(-n // -(-n * n * q.element_size() // BLOCK_BYTES))
    for row in range(q.shape[0]):
        for head in range(q.shape[1]):
            keys, values = _whole_rows(k[row, head]), _whole_rows(v[row, head].t())
            for start in range(0, n, block):
                queries = _whole_rows(q[row, head, start : start + block])
                scores = torch.softmax(_product(queries, keys), -1)
                out[row, head, start : start + block] = _product(scores, values)
    return out


def _whole_rows(x: Tensor) -> Tensor:
    """In float32 `_product` falls to its slowest form for rows that do not follow one another."""
    return x.contiguous() if x.dtype == torch.float32 else x


def _product(x: Tensor, y: Tensor) -> Tensor:
    """`x yᵀ` by oneDNN, which torch itself asks in half precision only."""
    if x.dtype != torch.float32:
        return torch.mm(x, y.t())
    return torch.ops.mkldnn._linear_pointwise(x, y, None, "none", [], "")


def _mask(q: Tensor, lengths: Sequence[int] | None) -> Tensor | None:
    if lengths is None:
        return None
    ends = torch.tensor(list(lengths), device=q.device)
    real = torch.arange(q.shape[2], device=q.device) < ends[:, None]
    return real[:, None, None, :]
