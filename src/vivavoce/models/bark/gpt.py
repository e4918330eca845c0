"""The transformers of Bark, as nanoGPT has them. Shapes: B rows, N positions, W width, V ids."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.bark.config import BOOKS, POSITIONS, GptConfig
from vivavoce.nn.gpt_block import GptBlock, GptBlocks
from vivavoce.nn.kv_cache import KVCache, Span


class BarkGpt(nn.Module):
    """What the three have in common: embeddings `[B, N, W]` to states."""

    def __init__(self, config: GptConfig, causal: bool) -> None:
        super().__init__()
        self.config, c = config, config
        self.positions = nn.Embedding(POSITIONS, c.width)
        self.blocks = GptBlocks(
            GptBlock(c.width, c.heads, c.bias, c.norm_bias, causal, gelu="none")
            for _ in range(c.depth)
        )
        self.norm = nn.LayerNorm(config.width, bias=config.norm_bias)

    def forward(
        self, x: Tensor, start: int = 0, cache: KVCache | None = None, span: Span | None = None
    ) -> Tensor:
        """Positions from `start` on. With a cache they are those of `span`, else there are all."""
        x = x + self.positions.weight[start : start + x.shape[1]]
        return self.norm(self.blocks(x, cache, span))


class CausalGpt(BarkGpt):
    """The first two: a token after the other."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__(config, causal=True)
        self.tokens = nn.Embedding(config.n_in, config.width)
        self.head = nn.Linear(config.width, config.n_out, bias=False)

    def scores(self, state: Tensor, start: int, stop: int) -> Tensor:
        """Of the ids from `start` to `stop`: a state `[B, W]` to `[B, V]`."""
        return F.linear(state, self.head.weight[start:stop])


class FineGpt(BarkGpt):
    """The third: all positions of one book of codes at once, from the books before it."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__(config, causal=False)
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
        self.gpt, self.length = gpt, 0
        self.cache = gpt.blocks.cache(1)
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
