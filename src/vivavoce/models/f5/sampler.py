"""From noise to a mel along the flow: the grid of times, the solver, guidance.

Shapes: B rows, N frames, M mels, S points in time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vivavoce.models.base import OnStep
from vivavoce.models.f5.backbone import Context, F5Backbone
from vivavoce.models.f5.config import F5Options
from vivavoce.runtime.turns import APPLE_GPU

# Which of 32 even steps are worth taking (arXiv:2505.19931): dense where the speech takes shape.
PRUNED = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}
NO_GUIDANCE = 1e-5


def grid(options: F5Options) -> Tensor:
    """Points in time `[steps + 1]` from 0 to 1, float32 on the CPU."""
    chosen = PRUNED.get(options.steps) if options.pruned else None
    t = torch.linspace(0, 1, options.steps + 1) if chosen is None else torch.tensor(chosen) / 32
    return t + options.sway * (torch.cos(math.pi / 2 * t) - 1 + t)


def evaluations(options: F5Options) -> Tensor:
    """Every point `[S]` at which the flow is asked, in order."""
    t = grid(options)
    if options.method == "euler":
        return t[:-1]
    middle = t[:-1] + 0.5 * (t[1:] - t[:-1])
    return torch.stack([t[:-1], middle], dim=1).flatten()


def guided(options: F5Options) -> bool:
    return options.guidance >= NO_GUIDANCE


def sample(
    backbone: F5Backbone,
    noise: Tensor,
    context: Context,
    schedule: list[Tensor],
    options: F5Options,
    on_step: OnStep | None = None,
) -> Tensor:
    """Noise `[B, N, M]` to the mel at time 1, float32.

    `schedule` belongs to `evaluations(options)`. After each step `on_step(done, all)` is called;
    what it raises ends the work.
    """
    times = grid(options).tolist()
    x = noise

    def flow(at: Tensor, evaluation: int) -> Tensor:
        both = backbone(at, [entry[evaluation] for entry in schedule], context)
        if len(both) == len(at):
            return both
        known, blank = both.chunk(2)
        return known + (known - blank) * options.guidance

    for step in range(options.steps):
        length = times[step + 1] - times[step]
        if options.method == "euler":
            x = x + length * flow(x, step)
        else:
            middle = x + 0.5 * length * flow(x, 2 * step)
            x = x + length * flow(middle, 2 * step + 1)
        if on_step is not None:
            on_step(step + 1, options.steps)
        APPLE_GPU.give_way()
    return x
