"""The transformers of Bark, as nanoGPT has them. Shapes: B rows, N positions, W width, V ids."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.bark.config import BOOKS, POSITIONS, GptConfig
from vivavoce.nn.kv_cache import KVCache, Span
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.runtime.attention import additive, cached_attention
from vivavoce.runtime.memory import trim


class BarkBlock(nn.Module):
    """Attention and feed-forward, each on the normalised input and added to it."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        width, bias = config.width, config.bias
        self.heads, self.dtype = config.heads, torch.float32
        self.norm1, self.norm2 = (nn.LayerNorm(width, bias=config.norm_bias) for _ in range(2))
        self.qkv: nn.Module = nn.Linear(width, 3 * width, bias)
        self.out: nn.Module = nn.Linear(width, width, bias)
        self.up: nn.Module = nn.Linear(width, 4 * width, bias)
        self.down: nn.Module = nn.Linear(4 * width, width, bias)

    def forward(self, x: Tensor, layer: int, cache: KVCache | None, span: Span | None) -> Tensor:
        """`[B, N, W]`; without a cache every position sees all."""
        qkv = self.qkv(self.norm1(x).to(self.dtype)).float()
        qkv = qkv.view(*x.shape[:2], 3, self.heads, -1)
        q, kv, mask = qkv.select(2, 0).transpose(1, 2), qkv.narrow(2, 1, 2), None
        if cache is None or span is None:
            kv = kv.permute(0, 2, 3, 1, 4)
        else:
            kv, mask = cache.update(layer, kv, span), span.mask
        k, v = kv.unbind(1)
        heard = cached_attention(q, k, v, mask).transpose(1, 2).reshape(x.shape)
        x = x + self.out(heard.to(self.dtype))
        return x + self.down(F.gelu(self.up(self.norm2(x).to(self.dtype))))


class BarkGpt(nn.Module):
    """What the three have in common: embeddings `[B, N, W]` to states."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.config = config
        self.positions = nn.Embedding(POSITIONS, config.width)
        self.blocks = nn.ModuleList(BarkBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, bias=config.norm_bias)

    def forward(
        self, x: Tensor, start: int = 0, cache: KVCache | None = None, span: Span | None = None
    ) -> Tensor:
        """Positions from `start` on. With a cache they are those of `span`, else there are all."""
        x = x + self.positions.weight[start : start + x.shape[1]]
        if span is not None and span.mask is not None:
            span = replace(span, mask=additive(span.mask, x.dtype))
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache, span)
        return self.norm(x)

    def freeze(self, arithmetic: Arithmetic, few_rows: bool) -> None:
        for block in self.blocks:
            assert isinstance(block, BarkBlock)
            block.dtype = arithmetic.dtype
            for name in ("qkv", "out", "up", "down"):
                layer = arithmetic.linear(block.get_submodule(name), few_rows=few_rows)
                setattr(block, name, layer)
            trim()  # what its layers were made over from


class CausalGpt(BarkGpt):
    """The first two: a token after the other."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__(config)
        self.tokens = nn.Embedding(config.n_in, config.width)
        self.head = nn.Linear(config.width, config.n_out, bias=False)

    def scores(self, state: Tensor, start: int, stop: int) -> Tensor:
        """Of the ids from `start` to `stop`: a state `[B, W]` to `[B, V]`."""
        return F.linear(state, self.head.weight[start:stop])


class FineGpt(BarkGpt):
    """The third: all positions of one book of codes at once, from the books before it."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__(config)
        self.books = nn.ModuleList(nn.Embedding(config.n_in, config.width) for _ in range(BOOKS))

    def scores(self, codes: Tensor, book: int, stop: int) -> Tensor:
        """Codes `[N, Q]` of all books, those up to `book` heard, to its first ids, `[N, V]`.

        A book's embedding is its output layer too.
        """
        heard = self.books[: book + 1]
        x = torch.stack([table(codes[:, n]) for n, table in enumerate(heard)]).sum(0)
        return F.linear(self(x[None])[0], self.books[book].get_parameter("weight")[:stop])


class Decoding:
    """One sequence of a `CausalGpt`, and the state behind it; of this request alone."""

    def __init__(self, gpt: CausalGpt, room: int) -> None:
        c, like = gpt.config, gpt.norm.weight
        self.gpt, self.length = gpt, 0
        self.cache = KVCache(c.depth, 1, c.heads, c.width // c.heads, like)
        self.cache.reserve(room)

    def begin(self, prompt: Tensor) -> Tensor:
        """A prompt `[N, W]`, from the first position on; the state behind it, `[1, W]`."""
        self.length = prompt.shape[0]
        span = Span.prompt(0, 0, self.length, prompt.device)
        return self.gpt(prompt[None], 0, self.cache, span)[:, -1]

    def append(self, token: Tensor) -> Tensor:
        """A token `[1]` more; the state behind it, `[1, W]`."""
        span = Span.step([self.length], token.device)
        state = self.gpt(self.gpt.tokens(token)[None], self.length, self.cache, span)[:, -1]
        self.length += 1
        return state
