"""The GPT of XTTS in MLX: its blocks and what their attention has seen.

Shapes: B rows, N positions, W width, H heads, D width of a head.
"""

from __future__ import annotations

import mlx.core as mx
from mlx import nn as layers
from torch import Tensor

from vivavoce.nn.gpt import Gpt
from vivavoce.nn.gpt_block import GptBlock
from vivavoce.nn.kv_cache import KVCache, Span, whole_blocks
from vivavoce.runtime.mlx import MlxFormat, Product, RowNorm, to_mlx, to_torch


def engine(gpt: Gpt, form: MlxFormat) -> MlxGpt:
    """Takes over the blocks, whose torch weights are let go of."""
    found = MlxGpt(gpt, form)
    gpt.blocks.let_go(form.dtype)
    return found


class MlxCache(KVCache):
    """Keys and values in MLX, for each layer `[rows, 2, H, positions, D]`."""

    def __init__(self, depth: int, rows: int, heads: int, width: int, dtype: mx.Dtype) -> None:
        self.arrays = [mx.zeros((rows, 2, heads, 0, width), dtype) for _ in range(depth)]
        mx.eval(*self.arrays)

    def reserve(self, positions: int) -> bool:
        room = self.arrays[0].shape[3]
        if positions <= room:
            return False
        pads = [(0, 0)] * 3 + [(0, whole_blocks(positions) - room), (0, 0)]
        self.arrays = [mx.pad(old, pads) for old in self.arrays]
        mx.eval(*self.arrays)
        return True

    def take(self, layer: int, new: mx.array, span: MlxSpan) -> mx.array:
        """Keep keys and values `[B, 2, H, N, D]`; all up to now, `[B, 2, H, stop, D]`."""
        kept, where = self.arrays[layer], span.where
        rows = slice(where.first, where.first + len(new))
        if span.columns is None:
            kept[rows, :, :, where.start : where.stop] = new
        else:
            kept[span.rows, :, :, span.columns] = new[:, :, :, 0]
        self.arrays[layer] = kept
        return kept[rows, :, :, : where.stop]

    def copy(self, source: KVCache, origin: int, row: int, length: int) -> None:
        assert isinstance(source, MlxCache)
        for mine, theirs in zip(self.arrays, source.arrays, strict=True):
            mine[row, :, :, :length] = theirs[origin, :, :, :length]
        mx.eval(*self.arrays)


class MlxSpan:
    """A `Span` and its tensors in MLX."""

    def __init__(self, where: Span) -> None:
        self.where = where
        parts = (where.rows, where.columns, where.mask)
        self.rows, self.columns, self.mask = (None if t is None else to_mlx(t) for t in parts)


class MlxGpt:
    """`Gpt.forward` and `Gpt.cache`; what is added up stays in float32."""

    def __init__(self, gpt: Gpt, form: MlxFormat) -> None:
        self.config, self.form = gpt.config, form
        self.blocks = [MlxGptBlock(block, form) for block in gpt.blocks.layers]
        self.norm, self.final_norm = RowNorm(gpt.norm), RowNorm(gpt.final_norm)

    def cache(self, rows: int) -> MlxCache:
        c = self.config
        return MlxCache(c.depth, rows, c.heads, c.width // c.heads, self.form.type)

    def __call__(self, x: Tensor, cache: KVCache | None, span: Span | None) -> Tensor:
        """Embeddings `[B, N, W]` to states; without a cache each sees those before it."""
        h = to_mlx(x)
        kept = cache if isinstance(cache, MlxCache) else None
        where = None if span is None else MlxSpan(span)
        for layer, block in enumerate(self.blocks):
            h = block(h, layer, kept, where)
        h = self.final_norm(self.norm(h))
        mx.eval(h, *(kept.arrays if kept is not None else ()))
        return to_torch(h)


class MlxGptBlock:
    def __init__(self, theirs: GptBlock, form: MlxFormat) -> None:
        self.heads, self.type = theirs.heads, form.type
        self.norm1, self.norm2 = RowNorm(theirs.norm1), RowNorm(theirs.norm2)
        self.qkv, self.out, self.up, self.down = (
            Product(layer, form) for layer in (theirs.qkv, theirs.out, theirs.up, theirs.down)
        )

    def __call__(
        self, x: mx.array, layer: int, cache: MlxCache | None, span: MlxSpan | None
    ) -> mx.array:
        n_rows, n, width = x.shape
        qkv = self.qkv(self.norm1(x).astype(self.type))
        qkv = qkv.reshape(n_rows, n, 3, self.heads, -1).transpose(0, 2, 3, 1, 4)
        q, kv, mask = qkv[:, 0], qkv[:, 1:], "causal"
        if cache is not None and span is not None:
            kv, mask = cache.take(layer, kv, span), span.mask
        scale = (width // self.heads) ** -0.5
        heard = mx.fast.scaled_dot_product_attention(q, kv[:, 0], kv[:, 1], scale=scale, mask=mask)
        heard = heard.transpose(0, 2, 1, 3).reshape(n_rows, n, width)
        x = x + self.out(heard).astype(mx.float32)
        wide = layers.gelu_approx(self.up(self.norm2(x).astype(self.type)))
        return x + self.down(wide).astype(mx.float32)
