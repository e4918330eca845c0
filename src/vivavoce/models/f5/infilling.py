"""Span infilling (arXiv:2410.06885, 3.1): what an F5 or E2 is asked in training, and its errors.

A span of each recording is hidden, and the flow that makes it from noise is predicted from the
rest and the text. Sometimes the rest, or the rest and the text, are withheld, for guidance.
Shapes: B rows, N frames, M mels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vivavoce.models.f5.backbone import F5Backbone


@dataclass(frozen=True, kw_only=True)
class F5Loss:
    """How an F5 or E2 is trained; the defaults are the publication's.

    A share of each recording between the two ends of `span` is hidden. With probability
    `drop_reference` the rest of the recording is withheld, with `drop_both` the text too: without
    them guidance has nothing to compare with. `dropout` follows attention and the feed-forward.
    """

    span: tuple[float, float] = (0.7, 1.0)
    drop_reference: float = 0.3
    drop_both: float = 0.2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        parts = (*self.span, self.drop_reference, self.drop_both, self.dropout)
        if not all(0 <= part <= 1 for part in parts) or self.span[0] > self.span[1]:
            raise ValueError("span, drop_reference, drop_both and dropout must be from 0 to 1.")


@dataclass(frozen=True)
class Infilling:
    """The random numbers of a batch: all `[B]` uniform in [0, 1), `fraction` between the ends of
    the loss' `span`; `noise` `[B, N, M]` normal.
    """

    fraction: Tensor
    place: Tensor
    time: Tensor
    reference: Tensor
    both: Tensor
    noise: Tensor

    @classmethod
    def drawn(cls, rows: int, n_frames: int, n_mels: int, loss: F5Loss) -> Infilling:
        """On the CPU, from torch's global generator."""
        fraction, place, time, reference, both = torch.rand(5, rows)
        fraction = loss.span[0] + (loss.span[1] - loss.span[0]) * fraction
        noise = torch.randn(rows, n_frames, n_mels)
        return cls(fraction, place, time, reference, both, noise)


def spans(draws: Infilling, lengths: Tensor, n_frames: int) -> Tensor:
    """Which frames are hidden, `[B, N]` bool; a row's span lies within its length."""
    width = (draws.fraction * lengths).long()
    start = ((lengths - width) * draws.place).long()
    frames = torch.arange(n_frames, device=lengths.device)
    return (frames >= start[:, None]) & (frames < (start + width)[:, None])


def flow_errors(
    backbone: F5Backbone,
    mel: Tensor,
    ids: list[Tensor],
    lengths: list[int],
    span: Tensor,
    draws: Infilling,
    loss: F5Loss,
) -> Tensor:
    """Squared errors of the flow from noise to `mel`, `[B, N, M]`, zero outside of the spans."""
    time = draws.time[:, None, None]
    x = (1 - time) * draws.noise + time * mel
    no_text = draws.both < loss.drop_both
    no_reference = (draws.reference < loss.drop_reference) | no_text
    known = mel * (~span & ~no_reference[:, None]).unsqueeze(2)
    found = backbone.taught(x, draws.time, known, ids, lengths, no_text.tolist())
    return (found - (mel - draws.noise)).square() * span.unsqueeze(2)
