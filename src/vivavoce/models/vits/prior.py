"""Symbols as frames: what the text side hands to the flow.

Shapes: `[B, C, L]` per symbol, `[B, C, T]` per frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST_SYMBOL_S = 1.5
"""At natural speed; what would last longer has run away, and is cut there."""


@dataclass(frozen=True)
class Lengths:
    """`durations` `[B, L]`, whole frames per symbol, and their sums `[B]`, all on the CPU.

    `problems` says row by row what was wrong with the durations, if anything.
    """

    durations: Tensor
    frames: Tensor
    problems: tuple[str, ...]


@torch.no_grad()
def lengths_of(
    log_durations: Tensor, mask: Tensor, speeds: Sequence[float], frame_rate: float
) -> Lengths:
    """Whole frames from the logarithms `[B, 1, L]` of frames at natural speed; a speed per row.

    At least one frame for a real symbol; none for padding.
    """
    log, real = log_durations[:, 0].float().cpu(), mask[:, 0].cpu()
    most = LONGEST_SYMBOL_S * frame_rate
    broken, runaway = ~log.isfinite() & (real > 0), (log > math.log(most)) & (real > 0)
    usable = torch.where(broken, torch.zeros_like(log), log).exp().clamp(max=most)
    durations = ((usable / torch.tensor(speeds).unsqueeze(1)).ceil().clamp_min(1) * real).long()
    problems = tuple(
        _problem(bool(b.any()), int(r.sum())) for b, r in zip(broken, runaway, strict=True)
    )
    return Lengths(durations, durations.sum(1).clamp_min(1), problems)


def _problem(broken: bool, runaway: int) -> str:
    if broken:
        return "The model gave durations that are not numbers"
    if runaway:
        plural = "s" if runaway > 1 else ""
        return f"The model drew {runaway} symbol{plural} out beyond {LONGEST_SYMBOL_S:g} s"
    return ""


def expanded(values: Tensor, lengths: Lengths) -> Tensor:
    """Every symbol's values `[B, C, L]` for as many frames as it lasts, `[B, C, T]`.

    Frames past a row's length repeat its last symbol: they are masked later.
    """
    longest = int(lengths.frames.max())
    ends = lengths.durations.cumsum(1)
    frames = torch.arange(longest).expand(len(ends), -1).contiguous()
    last = (lengths.durations > 0).sum(1, keepdim=True).clamp_min(1) - 1
    index = torch.searchsorted(ends, frames, right=True).minimum(last).to(values.device)
    return values.gather(2, index.unsqueeze(1).expand(-1, values.shape[1], -1))
