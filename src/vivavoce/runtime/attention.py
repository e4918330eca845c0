"""Attention, by the fastest exact form on the device: `attention` over whole sequences,
`cached_attention` over what came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

QUERIES = 128
"""At once in `query_blocks`."""
BLOCK_BYTES = 2_600_000
"""Scores of one head that are computed at once."""
MASK_STEP = 16
"""Masks are made for whole steps of positions and cut: CUDA's kernels copy others, every time."""


@dataclass(frozen=True)
class RowLengths:
    """How many positions of each row of a padded batch are real, made once per batch.

    A CPU attends row by row, by the `lengths`; other devices have a `mask` `[B, 1, 1, N]`, 0 or
    minus infinity, to be added to the scores.
    """

    lengths: tuple[int, ...]
    mask: Tensor | None

    @staticmethod
    def of(
        lengths: Sequence[int], n_positions: int, device: torch.device, dtype: torch.dtype
    ) -> RowLengths:
        """For queries and keys of type `dtype` and `n_positions` positions."""
        if device.type == "cpu":
            return RowLengths(tuple(lengths), None)
        ends = torch.tensor(list(lengths), device=device)
        places = torch.arange(-(-n_positions // MASK_STEP) * MASK_STEP, device=device)
        mask = additive((places < ends[:, None])[:, None, None, :], dtype)
        return RowLengths(tuple(lengths), mask[..., :n_positions])


def additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """A bool mask as what is added to scores of type `dtype`: 0 where allowed, else -infinity.

    Every kernel takes it. A bool mask is turned into it in every layer anew, and up to torch 2.12
    Apple's kernel for few queries read one wrongly (pytorch issues 184180 and 182285).
    """
    hidden = torch.full(allowed.shape, -torch.inf, dtype=dtype, device=allowed.device)
    return hidden.masked_fill_(allowed, 0)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: RowLengths | None = None,
    separate: bool = False,
) -> Tensor:
    """softmax(q kᵀ) v for `[B, H, N, K]`, the queries already scaled; no causal mask.

    Each row attends to its real positions only; what comes out behind them means nothing. Without
    `rows` every position counts. `separate` is for CPUs where two products per head are faster
    than torch's fused kernel.
    """
    q, k, v = _takeable(q, k, v)
    mask = rows.mask.to(q.dtype) if rows is not None and rows.mask is not None else None
    if keeps_scores(q.device) and torch.is_grad_enabled() and q.requires_grad:
        return query_blocks(q, k, v, mask)
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
    whole = blocked_attention if separate and not torch.is_grad_enabled() else fused
    if rows is None:
        return whole(q, k, v)
    if torch.is_grad_enabled() and q.requires_grad:
        return taught_rows(q, k, v, rows.lengths)
    out = torch.zeros_like(q.transpose(1, 2)).transpose(1, 2)
    for row, n in enumerate(rows.lengths):
        part = slice(row, row + 1)
        out[part, :, :n] = whole(q[part, :, :n], k[part, :, :n], v[part, :, :n])
    return out


def taught_rows(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]) -> Tensor:
    """`attention` row by row for training.

    Rows are taken apart once: the gradient of a part of a batch is as large as the batch, and there
    would be one for each row.
    """
    width, parts = q.shape[2], []
    for row, n in zip(zip(q, k, v, strict=True), lengths, strict=True):
        found = fused(*(x[None, :, :n] for x in row)).transpose(1, 2)
        parts.append(F.pad(found, (0, 0, 0, 0, 0, width - n)))
    return torch.cat(parts).transpose(1, 2)


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
    """Attention of `[B, H, N, K]` over `[B, H, M, K]` where `mask` allows it, scaled.

    The mask is bool, or `additive` of q's type, which is faster for several layers. `causal`
    instead of a mask: position n sees the first n + 1. `dropout` is of the weights, in training.
    """
    q, k, v = _takeable(q, k, v)
    if causal and not dropout and keeps_scores(q.device) and q.requires_grad:
        return causal_blocks(q, k, v)
    if causal and not hides_the_future(q.device, q.dtype):
        allowed = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
        mask, causal = additive(allowed.tril(), q.dtype), False
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


def hides_the_future(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `is_causal` can be relied on: Apple's kernel leaks in half precision (195910)."""
    return device.type != "mps" or dtype == torch.float32


def _takeable(*parts: Tensor) -> tuple[Tensor, ...]:
    """Before macOS 15 the kernel of MPS takes only what is contiguous."""
    return tuple(x.contiguous() for x in parts) if parts[0].device.type == "mps" else parts


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Torch's fused kernel on the CPU, or where that cannot, the products that it stands for."""
    if attends(q.dtype):
        return F.scaled_dot_product_attention(q, k, v, scale=1.0)
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(q, k, v, scale=1.0)


@cache
def attends(dtype: torch.dtype) -> bool:
    """Whether torch's fused kernel works on this CPU in this format.

    On a CPU with AMX it raises in bfloat16 when torch's own kernels are not those for AVX-512.
    """
    if dtype == torch.float32:
        return True
    x = torch.zeros(1, 1, 600, 64, dtype=dtype)
    with suppress(RuntimeError):
        F.scaled_dot_product_attention(x, x, x)
        return True
    return False


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
