"""Token rows of different lengths as one batch, and the masks that say what is real."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vivavoce.types import Tokens


def pad_tokens(tokens: Sequence[Tokens], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids `[B, L]` padded with 0, and the float mask `[B, 1, L]`."""
    longest = max(len(t) for t in tokens)
    ids = torch.zeros(len(tokens), longest, dtype=torch.long)
    for row, entry in enumerate(tokens):
        ids[row, : len(entry)] = torch.tensor(entry.ids)
    lengths = torch.tensor([len(t) for t in tokens])
    return ids.to(device), length_mask(lengths, longest).to(device)


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """`[B, 1, T]` float: 1 where a position is real."""
    steps = torch.arange(longest, device=lengths.device)
    return (steps < lengths.unsqueeze(1)).float().unsqueeze(1)
