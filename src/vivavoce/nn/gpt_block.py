"""The blocks of a GPT: attention and feed-forward, each on the normalised input and added to it.

Shapes: B rows, N positions, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from vivavoce.nn.kv_cache import KVCache, Span
from vivavoce.runtime.arithmetic import Arithmetic, Gelu, linear_gelu
from vivavoce.runtime.attention import additive, cached_attention
from vivavoce.runtime.memory import trim

MLP_FACTOR = 4
Layer = Callable[[Tensor], Tensor]


class Parts(Protocol):
    """Products run in `dtype`, attention in `attention_dtype`; what is added up is float32."""

    dtype: torch.dtype
    attention_dtype: torch.dtype
    heads: int
    causal: bool

    @property
    def norm1(self) -> Layer: ...
    @property
    def norm2(self) -> Layer: ...
    @property
    def qkv(self) -> Layer: ...
    @property
    def out(self) -> Layer: ...
    @property
    def wide(self) -> Layer: ...
    @property
    def down(self) -> Layer: ...


def through(
    block: Parts, x: Tensor, layer: int, cache: KVCache | None, span: Span | None
) -> Tensor:
    """`[B, N, W]` to the same; `cache` and `span` as in `GptBlocks.forward`."""
    qkv = block.qkv(block.norm1(x).to(block.dtype)).to(block.attention_dtype)
    qkv = qkv.view(*x.shape[:2], 3, block.heads, -1)
    q, kv, mask = qkv.select(2, 0).transpose(1, 2), qkv.narrow(2, 1, 2), None
    if cache is None or span is None:
        kv = kv.permute(0, 2, 3, 1, 4)
    else:
        kv, mask = cache.update(layer, kv, span), span.mask
    k, v = kv.unbind(1)
    causal = block.causal and cache is None
    heard = cached_attention(q, k, v, mask, causal).transpose(1, 2)
    x = x + block.out(heard.reshape(x.shape).to(block.dtype))
    return x + block.down(block.wide(block.norm2(x).to(block.dtype)))


class GptBlock(nn.Module):
    """With its weights in torch's layers: to load and to train."""

    def __init__(
        self,
        width: int,
        heads: int,
        bias: bool = True,
        norm_bias: bool = True,
        causal: bool = True,
        gelu: Gelu = "tanh",
    ) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.gelu: Gelu = gelu
        self.dtype = self.attention_dtype = torch.float32
        self.norm1, self.norm2 = (nn.LayerNorm(width, bias=norm_bias) for _ in range(2))
        self.qkv: nn.Module = nn.Linear(width, 3 * width, bias)
        self.out: nn.Module = nn.Linear(width, width, bias)
        self.up: nn.Module = nn.Linear(width, MLP_FACTOR * width, bias)
        self.down: nn.Module = nn.Linear(MLP_FACTOR * width, width, bias)

    def wide(self, x: Tensor) -> Tensor:
        """The hidden layer of the feed-forward part, `[..., 4 W]`."""
        return linear_gelu(self.up, x, self.gelu)

    def forward(self, x: Tensor, layer: int, cache: KVCache | None, span: Span | None) -> Tensor:
        return through(self, x, layer, cache, span)

    def freeze(self, arithmetic: Arithmetic, few_rows: bool) -> FrozenBlock:
        self.dtype = arithmetic.dtype
        self.attention_dtype = arithmetic.attention_dtype(self.norm1.weight.device)
        for name in ("qkv", "out", "up", "down"):
            setattr(self, name, arithmetic.linear(self.get_submodule(name), few_rows))
        return FrozenBlock(self)


class FrozenBlock:
    """The same weights without torch's bookkeeping of modules: 8 % of a code's time in int8."""

    def __init__(self, block: GptBlock) -> None:
        self.dtype, self.attention_dtype = block.dtype, block.attention_dtype
        self.heads, self.causal = block.heads, block.causal
        self.norm1, self.norm2 = _frozen_norm(block.norm1), _frozen_norm(block.norm2)
        self.qkv, self.out, self.down = block.qkv.forward, block.out.forward, block.down.forward
        self.wide = block.wide


class GptBlocks(nn.ModuleList):
    """Blocks of one form, one after the other, and the cache that fits them."""

    def __init__(self, blocks: Iterable[GptBlock]) -> None:
        super().__init__(blocks)
        self.frozen: list[FrozenBlock] = []
        self.attention_dtype = torch.float32

    @property
    def layers(self) -> list[GptBlock]:
        return [block for block in self if isinstance(block, GptBlock)]

    def cache(self, rows: int) -> KVCache:
        """An empty one for so many rows."""
        weight, heads = self.layers[0].norm1.weight, self.layers[0].heads
        like = weight.to(self.attention_dtype)
        return KVCache(len(self), rows, heads, weight.numel() // heads, like)

    def forward(self, x: Tensor, cache: KVCache | None = None, span: Span | None = None) -> Tensor:
        """`[B, N, W]` to the same. With a cache, `span` says which positions these are.

        Without one all positions are there; each sees those before it, or all if not `causal`.
        """
        if span is not None and span.mask is not None:
            span = replace(span, mask=additive(span.mask, self.attention_dtype))
        for layer, block in enumerate(self.frozen or self.layers):
            if isinstance(block, FrozenBlock):
                x = through(block, x, layer, cache, span)
            else:
                x = block(x, layer, cache, span)
        return x

    def freeze(self, arithmetic: Arithmetic, few_rows: bool = True) -> None:
        """Lay the weights out for inference, with `few_rows` for single positions."""
        self.frozen = []
        for block in self.layers:
            self.frozen.append(block.freeze(arithmetic, few_rows))
            self.attention_dtype = block.attention_dtype
            trim()  # what its layers were made over from

    def let_go(self, attention_dtype: torch.dtype) -> None:
        """Of all weights, once an engine has its own and keeps keys and values in that type."""
        del self[:]
        self.frozen, self.attention_dtype = [], attention_dtype


def _frozen_norm(norm: nn.LayerNorm) -> Layer:
    return partial(
        torch.layer_norm,
        normalized_shape=norm.normalized_shape,
        weight=norm.weight,
        bias=norm.bias,
        eps=norm.eps,
    )
