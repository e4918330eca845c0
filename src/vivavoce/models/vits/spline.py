"""Monotonic rational-quadratic splines (Durkan et al. 2019, arXiv:1906.04032), both ways.

Every element is computed, whether it lies on the spline or on its linear tails: the work does not
depend on the numbers, and no device has to be waited for.
Shapes: values `[...]`, logits `[..., K]` of widths and heights and `[..., K - 1]` of the inner
knots' derivatives.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

TAIL = 5.0
SMALLEST = 1e-3
"""Least width and height of a bin, as a share, and least derivative."""
EDGE = math.log(math.expm1(1 - SMALLEST))
"""What gives derivative 1 at the outermost knots, where the tails begin."""


class Bin(NamedTuple):
    """The part of the spline that a value lies in: left knot, size, slope, end derivatives."""

    left: Tensor
    width: Tensor
    bottom: Tensor
    height: Tensor
    first: Tensor
    last: Tensor

    @property
    def slope(self) -> Tensor:
        return self.height / self.width


def spline(
    x: Tensor, widths: Tensor, heights: Tensor, derivatives: Tensor, inverse: bool
) -> tuple[Tensor, Tensor]:
    """The mapped values and the logarithm of the derivative at each; beyond ±5 the identity."""
    inside = (x >= -TAIL) & (x <= TAIL)
    clamped = x.clamp(-TAIL, TAIL)
    part = _bin(clamped, widths, heights, derivatives, inverse)
    bend = part.first + part.last - 2 * part.slope
    share = _share(clamped, part, bend) if inverse else (clamped - part.left) / part.width
    rest = share * (1 - share)
    below = part.slope + bend * rest
    if inverse:
        y = part.left + share * part.width
    else:
        y = part.bottom + part.height * (part.slope * share.square() + part.first * rest) / below
    above = part.slope.square() * (
        part.last * share.square() + 2 * part.slope * rest + part.first * (1 - share).square()
    )
    log_derivative = above.log() - 2 * below.log()
    log_derivative = -log_derivative if inverse else log_derivative
    return torch.where(inside, y, x), log_derivative * inside


def _share(y: Tensor, part: Bin, bend: Tensor) -> Tensor:
    """How far into its bin a value of the spline lies, from 0 to 1: a root of a quadratic."""
    up = y - part.bottom
    a = up * bend + part.height * (part.slope - part.first)
    b = part.height * part.first - up * bend
    c = -part.slope * up
    # rounding can put the discriminant a little below 0
    return 2 * c / (-b - (b.square() - 4 * a * c).clamp_min(0).sqrt())


def _bin(x: Tensor, widths: Tensor, heights: Tensor, derivatives: Tensor, inverse: bool) -> Bin:
    knots_x, knots_y = _knots(widths), _knots(heights)
    slopes = SMALLEST + F.softplus(F.pad(derivatives, (1, 1), value=EDGE))
    inner = (knots_y if inverse else knots_x)[..., 1:-1]
    index = (x.unsqueeze(-1) >= inner).sum(-1, keepdim=True)

    def at(table: Tensor, places: Tensor) -> Tensor:
        return table.gather(-1, places).squeeze(-1)

    left, bottom = at(knots_x, index), at(knots_y, index)
    return Bin(
        left,
        at(knots_x, index + 1) - left,
        bottom,
        at(knots_y, index + 1) - bottom,
        at(slopes, index),
        at(slopes, index + 1),
    )


def _knots(logits: Tensor) -> Tensor:
    """`[..., K]` to `[..., K + 1]` places from -TAIL to TAIL."""
    n_bins = logits.shape[-1]
    shares = SMALLEST + (1 - SMALLEST * n_bins) * logits.softmax(-1)
    ends = 2 * TAIL * shares.cumsum(-1)[..., :-1] - TAIL
    ends = F.pad(ends, (1, 0), value=-TAIL)
    return F.pad(ends, (0, 1), value=TAIL)
