"""Which code comes next: the reference's order of penalty, temperature, top-k and top-p.

Shapes: B rows, V codes. The random numbers are an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class SamplingOptions(Protocol):
    """How a row's codes are drawn: `temperature` 0 takes the likeliest, `top_k` 0 leaves all."""

    @property
    def temperature(self) -> float: ...
    @property
    def top_k(self) -> int: ...
    @property
    def top_p(self) -> float: ...
    @property
    def repetition_penalty(self) -> float: ...


class Samplers:
    """The options of several rows as columns, so that one pass serves them all."""

    def __init__(self, rows: Sequence[SamplingOptions], n_codes: int, device: torch.device) -> None:
        def column(values: list[float] | list[int]) -> Tensor:
            return torch.tensor(values, device=device)[:, None]

        self.drawn = any(s.temperature > 0 for s in rows)
        self.greedy = column([int(s.temperature == 0) for s in rows]).bool()
        self.temperature = column([s.temperature or 1.0 for s in rows])
        self.penalty = column([s.repetition_penalty for s in rows])
        self.below_top = column([n_codes - min(s.top_k or n_codes, n_codes) for s in rows])
        self.top_p = column([s.top_p for s in rows])

    def pick(self, logits: Tensor, seen: Tensor, uniform: Tensor) -> Tensor:
        """A code per row `[B]` from logits `[B, V]`.

        `seen` `[B, V]` marks codes that were there, `uniform` `[B]` is in [0, 1).
        """
        scores = self.penalised(logits, seen)
        likeliest = scores.argmax(-1)
        if not self.drawn:
            return likeliest
        drawn = inverse_cdf(self.kept(scores / self.temperature), uniform)
        return torch.where(self.greedy[:, 0], likeliest, drawn)

    def penalised(self, logits: Tensor, seen: Tensor) -> Tensor:
        """Codes that were there, however often, become less likely (arXiv:1909.05858, 4.1)."""
        lowered = torch.where(logits < 0, logits * self.penalty, logits / self.penalty)
        return torch.where(seen, lowered, logits)

    def kept(self, scores: Tensor) -> Tensor:
        """The scores `[B, V]`, minus infinity for codes that cannot be drawn.

        First the `top_k` highest stay, then of these the fewest that hold `top_p` of the
        probability (arXiv:1904.09751).
        """
        ascending = scores.sort(-1).values
        lowest = ascending.gather(-1, self.below_top)
        ascending = ascending.masked_fill(ascending < lowest, -torch.inf)
        below = ascending.softmax(-1).cumsum(-1) <= 1 - self.top_p
        below[:, -1] = False
        least = ascending.masked_fill(below, torch.inf).amin(-1, keepdim=True)
        return scores.masked_fill(scores < least, -torch.inf)


def inverse_cdf(scores: Tensor, uniform: Tensor) -> Tensor:
    """The code `[B]` at which the probabilities of `[B, V]`, added up in order, pass `uniform`."""
    reached = scores.softmax(-1).cumsum(-1)
    passed = reached <= uniform[:, None] * reached[:, -1:]
    return passed.sum(-1).clamp(max=scores.shape[-1] - 1)
