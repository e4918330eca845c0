"""The GPT of XTTS and Tortoise: text and codes so far -> the state that the next is drawn from.

Betker 2023, arXiv:2305.07243; Casanova et al., arXiv:2406.04904, section 2. A GPT-2
with learned positions of its own for text and for codes. Shapes: B rows, N positions, W width, L
text tokens, K codes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from vivavoce.nn.gpt_block import GptBlock, GptBlocks
from vivavoce.nn.kv_cache import KVCache, Spaces, Span
from vivavoce.runtime.arithmetic import Arithmetic, RowLayout


class GptSizes(Protocol):
    """Of a GPT: its vocabularies, how many of each fit, and the positions that a voice may take."""

    @property
    def width(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def text_tokens(self) -> int: ...
    @property
    def start_text(self) -> int: ...
    @property
    def stop_text(self) -> int: ...
    @property
    def max_text(self) -> int: ...
    @property
    def code_tokens(self) -> int: ...
    @property
    def start_code(self) -> int: ...
    @property
    def stop_code(self) -> int: ...
    @property
    def max_codes(self) -> int: ...
    @property
    def voice_positions(self) -> int: ...


class GptEngine(Protocol):
    """What computes the blocks in torch's place."""

    def cache(self, rows: int) -> KVCache: ...

    def __call__(self, x: Tensor, cache: KVCache | None, span: Span | None) -> Tensor: ...


class Gpt(nn.Module):
    """`[latents of the voice][START text STOP][START codes ...]`, causal, to states `[B, N, W]`."""

    def __init__(self, config: GptSizes) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.text_embedding = nn.Embedding(config.text_tokens, width)
        self.code_embedding = nn.Embedding(config.code_tokens, width)
        self.text_positions = nn.Embedding(config.max_text + 2, width)
        self.code_positions = nn.Embedding(config.max_codes + 3, width)
        self.blocks = GptBlocks(GptBlock(width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.final_norm = nn.LayerNorm(width)
        self.code_head: nn.Module = nn.Linear(width, config.code_tokens)
        self.text_head = nn.Linear(width, config.text_tokens)
        self.row_layout: RowLayout | None = None  # once frozen
        self.spaces = Spaces()
        self.engine: GptEngine | None = None

    def freeze(self, arithmetic: Arithmetic) -> None:
        self.blocks.freeze(arithmetic)
        exact = replace(arithmetic, dtype=torch.float32, int8=False)
        self.code_head = exact.linear(self.code_head, few_rows=True)
        self.row_layout = RowLayout(self)

    @property
    def most_positions(self) -> int:
        """Of the longest utterance, whole: voice, text and codes."""
        config = self.config
        return config.voice_positions + config.max_text + 2 + config.max_codes + 3

    def cache(self, rows: int) -> KVCache:
        return (self.engine or self.blocks).cache(rows)

    def text(self, ids: Tensor) -> Tensor:
        """START, the ids `[B, L]`, STOP as `[B, L + 2, W]`."""
        edge = ids.new_ones(len(ids), 1)
        ids = torch.cat([edge * self.config.start_text, ids, edge * self.config.stop_text], dim=1)
        places = torch.arange(ids.shape[1], device=ids.device)
        return self.text_embedding(ids) + self.text_positions(places)

    def codes(self, codes: Tensor, places: Tensor) -> Tensor:
        """Codes `[B, K]` at places `[B, K]` or `[K]`, START being at 0."""
        return self.code_embedding(codes) + self.code_positions(places)

    def start(self, device: torch.device) -> Tensor:
        """START of the codes, `[1, 1, W]`."""
        first = torch.full((1, 1), self.config.start_code, device=device)
        return self.codes(first, torch.zeros_like(first))

    def forward(self, x: Tensor, cache: KVCache | None = None, span: Span | None = None) -> Tensor:
        """Embeddings `[B, N, W]` to states, twice normalised: what the decoder of speech reads.

        With a cache, `span` says which positions these are.
        """
        if self.engine is not None:
            return self.engine(x, cache, span)
        return self.final_norm(self.norm(self.blocks(x, cache, span)))

    def teacher_forced(self, latents: Tensor, ids: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """All at once: states of the text `[B, L + 2, W]` and, from START on, of the codes.

        `latents` `[B, N, W]`, `ids` `[B, L]`, `codes` `[B, K]` without START; of its own state the
        last code is not needed to say itself, so `[B, K + 1, W]` come out.
        """
        start = torch.full_like(codes[:, :1], self.config.start_code)
        said = torch.cat([start, codes], dim=1)
        places = torch.arange(said.shape[1], device=codes.device)
        text = self.text(ids)
        states = self(torch.cat([latents, text, self.codes(said, places)], dim=1))
        behind = latents.shape[1]
        return states[:, behind : behind + text.shape[1]], states[:, behind + text.shape[1] :]
