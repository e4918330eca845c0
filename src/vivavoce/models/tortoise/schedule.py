"""From noise to a mel, some steps of the schedule at a time (Nichol, Dhariwal, arXiv:2102.09672).

The linear schedule of Ho et al. (arXiv:2006.11239), steps left out as in DDIM (arXiv:2010.02502),
guidance without a classifier (arXiv:2207.12598). Shapes: M mels, T frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivavoce.models.base import OnStep

Predict = Callable[[Tensor, int], Tensor]
"""Mels `[B, M, T]` and a step of the schedule to `[B, 2M, T]`: their noise and its spread."""
FIRST_BETA, LAST_BETA = 0.1, 20.0
"""Of a schedule of one step; divided by the number of steps."""


@dataclass(frozen=True)
class DiffusionStep:
    """One step of the way back: its place in the schedule, and its share of the way, 0 to 1.

    `kept` and `kept_before` are how much of the mel's power is left after the step, and before it.
    """

    place: int
    share: float
    kept: float
    kept_before: float

    @property
    def beta(self) -> float:
        return 1 - self.kept / self.kept_before

    @property
    def log_variance(self) -> float:
        """Of the step back, where the mel is known."""
        return float(np.log(self.beta * (1 - self.kept_before) / (1 - self.kept)))


def steps_back(count: int, trained: int) -> list[DiffusionStep]:
    """`count` (2 or more) evenly spaced steps of a schedule of `trained` steps, the last first."""
    betas = np.linspace(FIRST_BETA / trained, LAST_BETA / trained, trained)
    kept = np.cumprod(1 - betas)
    place, places = 0.0, []
    for _ in range(count):
        places.append(round(place))
        place += (trained - 1) / (count - 1)
    before = [1.0, *(float(kept[one]) for one in places[:-1])]
    found = [
        DiffusionStep(one, number / count, float(kept[one]), before[number])
        for number, one in enumerate(places)
    ]
    return found[::-1]


def denoised(
    noise: Tensor,
    steps: list[DiffusionStep],
    predict: Predict,
    guidance: float,
    draw: Callable[[], Tensor] | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """A mel in [-1, 1] from noise `[1, M, T]`.

    `predict` is asked for two rows where there is `guidance`: guided and not. `draw` makes the
    noise `[1, M, T]` of an ancestral step; without it steps are DDIM's, which draw nothing.
    """
    x = noise
    for number, step in enumerate(steps):
        found = predict(x.expand(2, -1, -1) if guidance else x, step.place)
        predicted, spread = found.chunk(2, dim=1)
        if guidance:
            beyond = guidance * (1 - step.share)
            predicted = (1 + beyond) * predicted[:1] - beyond * predicted[1:]
        noisy, quiet = step.kept**-0.5, (1 / step.kept - 1) ** 0.5
        mel = (noisy * x - quiet * predicted).clamp(-1, 1)
        if draw is None:
            predicted = (noisy * x - mel) / quiet
            x = mel * step.kept_before**0.5 + (1 - step.kept_before) ** 0.5 * predicted
        else:
            of_mel = step.beta * step.kept_before**0.5 / (1 - step.kept)
            of_x = (1 - step.kept_before) * (1 - step.beta) ** 0.5 / (1 - step.kept)
            x = of_mel * mel + of_x * x
            if number < len(steps) - 1:
                low = step.log_variance
                share = (spread[:1] + 1) / 2
                x = x + torch.exp(0.5 * (share * np.log(step.beta) + (1 - share) * low)) * draw()
        if on_step is not None:
            on_step(number + 1, len(steps))
    return x
