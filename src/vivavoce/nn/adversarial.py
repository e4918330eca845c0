"""Adversarial losses: judgements of recordings and of generated samples to numbers.

Each function gives one value a discriminator, `[D]`; the caller takes their sum or mean. All sums
are float32, whatever precision the networks ran in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from vivavoce.nn.critics import Judgement

Objective = Literal["hinge", "least_squares"]
"""Hinge (Lim 2017, arXiv:1705.02894) or least squares (Mao 2017, arXiv:1611.04076)."""


def discriminator_losses(
    real: Sequence[Judgement], fake: Sequence[Judgement], objective: Objective
) -> Tensor:
    """What the discriminators lessen: scores of recordings rise, those of generated samples fall.

    Hinge: towards 1 and beyond, towards -1 and beyond. Least squares: towards 1 and towards 0.
    """
    losses = [
        _above(r.float(), objective) + _below(f.float(), objective)
        for (r, _), (f, _) in zip(real, fake, strict=True)
    ]
    return torch.stack(losses)


def adversarial_losses(fake: Sequence[Judgement], objective: Objective) -> Tensor:
    """What the generator lessens: its samples are to be scored as recordings are."""
    return torch.stack([_above(f.float(), objective) for f, _ in fake])


def feature_losses(
    real: Sequence[Judgement], fake: Sequence[Judgement], with_scores: bool = False
) -> Tensor:
    """Mean absolute differences of the feature maps, summed over a discriminator's layers.

    `with_scores` counts the score map as one more layer.
    """
    losses = []
    for (r, r_maps), (f, f_maps) in zip(real, fake, strict=True):
        pairs = list(zip(r_maps, f_maps, strict=True)) + [(r, f)] * with_scores
        losses.append(torch.stack([(a.float() - b.float()).abs().mean() for a, b in pairs]).sum())
    return torch.stack(losses)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """What is computed in here takes no gradient to the module's own parameters."""
    flags = [(p, p.requires_grad) for p in module.parameters()]
    module.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def _above(score: Tensor, objective: Objective) -> Tensor:
    if objective == "hinge":
        return nn.functional.relu(1 - score).mean()
    return (1 - score).square().mean()


def _below(score: Tensor, objective: Objective) -> Tensor:
    if objective == "hinge":
        return nn.functional.relu(1 + score).mean()
    return score.square().mean()
