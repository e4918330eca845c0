"""Which part of a recording its own voice is taken from while XTTS is trained.

As the published trainer crops: a length between two, a place anywhere, half of a recording that is
shorter, zeros behind, so that all crops are as long as the longest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

RATE = 22_050


def spans(lengths: Sequence[int], bounds_s: tuple[float, float], draw: bool) -> Tensor:
    """First and last sample `[B, 2]` of each row's crop. Without `draw`, a middle length from 0."""
    shortest, longest = (round(s * RATE) for s in bounds_s)
    uniform = torch.rand(len(lengths), 2) if draw else torch.tensor([[0.5, 0.0]] * len(lengths))
    found = []
    for length, (size, place) in zip(lengths, uniform.tolist(), strict=True):
        wanted = shortest + int(size * (longest - shortest + draw))
        wanted = length // 2 if wanted > length else wanted
        start = int(place * (length - wanted + 1))
        found.append((start, start + wanted))
    return torch.tensor(found)


def crops(samples: Tensor, found: Tensor, bounds_s: tuple[float, float]) -> Tensor:
    """`[B, S]` to `[B, longest]`."""
    out = samples.new_zeros(len(samples), round(bounds_s[1] * RATE))
    for row, (start, end) in enumerate(found.tolist()):
        out[row, : end - start] = samples[row, start:end]
    return out
