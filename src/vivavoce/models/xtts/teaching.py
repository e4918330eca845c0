"""XTTS' GPT under teacher forcing: all rows of a batch at once, each as if it were alone.

A row is `[latents][START text][START codes STOP STOP STOP]` without gaps, padded on the right.
As attention looks back only, padding reaches nothing that is scored, and no mask is needed.
Shapes: B rows, L text tokens, K codes, N positions behind the latents, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.nn.gpt import Gpt
from vivavoce.nn.gpt_block import GptBlock
from vivavoce.runtime.attention import cached_attention

STOPS = 4
"""How many times the end of the codes is a target; all but the last are inputs too."""
UNSCORED = -100


@dataclass(frozen=True)
class PackedRows:
    """Inputs and targets `[B, N]`. `is_text` says which table an input is of, `places` its place
    in its own stream; a target is UNSCORED where there is none. Text lies in the first `n_text`.
    """

    ids: Tensor
    places: Tensor
    is_text: Tensor
    text_targets: Tensor
    code_targets: Tensor
    n_text: int


def packed(
    config: XttsConfig,
    tokens: Tensor,
    token_lengths: Tensor,
    codes: Tensor,
    code_lengths: Tensor,
    width: int,
    hidden: Tensor | None = None,
) -> PackedRows:
    """Text `[B, L]` and codes `[B, K]` with their lengths `[B]`, `width` positions a row.

    `hidden` `[B, 2]`: codes from the first up to the second are not scored.
    """
    place = torch.arange(width, device=tokens.device).expand(len(tokens), -1)
    n_text, n_codes = token_lengths[:, None], code_lengths[:, None]
    is_text = place <= n_text
    code_place = place - n_text - 1
    is_code = ~is_text & (code_place < n_codes + STOPS)
    text_after, codes_after = _at(tokens, place), _at(codes, code_place)
    text_targets = torch.where(place < n_text, text_after, config.stop_text)
    code_targets = torch.where(code_place < n_codes, codes_after, config.stop_code)
    scored = is_code
    if hidden is not None:
        scored = is_code & ~((code_place >= hidden[:, :1]) & (code_place < hidden[:, 1:]))
    text_before = torch.where(place == 0, config.start_text, _at(tokens, place - 1))
    codes_before = torch.where(code_place == 0, config.start_code, _at(codes, code_place - 1))
    codes_before = torch.where(code_place > n_codes, config.stop_code, codes_before)
    return PackedRows(
        torch.where(is_text, text_before, torch.where(is_code, codes_before, 0)),
        torch.where(is_text, place, torch.where(is_code, code_place, 0)),
        is_text,
        torch.where(is_text, text_targets, UNSCORED),
        torch.where(scored, code_targets, UNSCORED),
        tokens.shape[1] + 1,
    )


def _at(values: Tensor, places: Tensor) -> Tensor:
    """`values` `[B, M]` at `places` `[B, N]`; anything outside is what is nearest."""
    return values.gather(1, places.clamp(0, values.shape[1] - 1))


class TeacherForcing:
    """The GPT's losses on whole rows. `dropout` is of embeddings and of what a block adds.

    `attention_dropout` is of attention weights, which only CUDA has a fused kernel for: elsewhere
    they are kept, and memory grows with the square of a row's length.
    With `recompute` blocks are computed again in the backward pass instead of kept.
    """

    def __init__(self, gpt: Gpt, dropout: float, attention_dropout: float = 0.0) -> None:
        self.gpt, self.recompute = gpt, False
        self.dropout, self.attention_dropout = dropout, attention_dropout

    def sums(self, latents: Tensor, rows: PackedRows) -> dict[str, Tensor]:
        """Cross-entropy of text and codes, summed over all scored targets. Latents `[B, P, W]`."""
        gpt = self.gpt
        # Both tables are asked for every position, row 0 where it is the other's: no gather, no
        # scatter, and where() gives what was not meant no gradient.
        ids, places, is_text = rows.ids, rows.places, rows.is_text
        text = gpt.text_embedding(torch.where(is_text, ids, 0))
        text = text + gpt.text_positions(torch.where(is_text, places, 0))
        codes = gpt.codes(torch.where(is_text, 0, ids), torch.where(is_text, 0, places))
        body = torch.where(is_text.unsqueeze(2), text, codes)
        states = self.states(torch.cat([latents.to(body.dtype), body], dim=1))
        states = states[:, latents.shape[1] :]
        written = slice(rows.n_text)  # the text head is wide: only where there may be text
        return {
            "text": _summed(gpt.text_head(states[:, written]), rows.text_targets[:, written]),
            "codes": _summed(gpt.code_head(states), rows.code_targets),
        }

    def states(self, x: Tensor) -> Tensor:
        """Embeddings `[B, P + N, W]` to states, twice normalised."""
        x = F.dropout(x, self.dropout, self.gpt.training)
        for block in self.gpt.blocks.layers:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(self._block, block, x, use_reentrant=False)
            else:
                x = self._block(block, x)
        return self.gpt.final_norm(self.gpt.norm(x))

    def _block(self, block: GptBlock, x: Tensor) -> Tensor:
        rate = self.dropout if self.gpt.training else 0.0
        qkv = block.qkv(block.norm1(x)).unflatten(-1, (3, block.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        dropped = self.attention_dropout if self.gpt.training else 0.0
        heard = cached_attention(q, k, v, causal=True, dropout=dropped)
        heard = heard.transpose(1, 2).flatten(2)
        x = x + F.dropout(block.out(heard), rate)
        inner = F.gelu(block.up(block.norm2(x)), approximate="tanh")
        return x + F.dropout(block.down(inner), rate)


def _summed(logits: Tensor, targets: Tensor) -> Tensor:
    flat = logits.float().flatten(0, 1)
    return F.cross_entropy(flat, targets.flatten(), ignore_index=UNSCORED, reduction="sum")
