"""What VITS is trained to lessen (paper section 2.3). Knows tensors and judgements, no networks.

All sums are float32, whatever precision the networks ran in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vivavoce.nn.critics import Judgement


def divergence(
    z: Tensor, log_scale_q: Tensor, mean_p: Tensor, log_scale_p: Tensor, mask: Tensor
) -> Tensor:
    """Kullback-Leibler divergence of the posterior from the prior, at the drawn latents `z`.

    All `[B, C, T]`, mask `[B, 1, T]`. Channels are summed, frames averaged (equation 3).
    """
    distance = 0.5 * (z - mean_p).square() * (-2 * log_scale_p).exp()
    terms = log_scale_p - log_scale_q - 0.5 + distance
    return (terms * mask).sum() / mask.sum()


def discriminator_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """Least squares: 1 for recordings, 0 for what was made (Mao et al. 2017)."""
    losses = [
        (1 - r.float()).square().mean() + f.float().square().mean()
        for (r, _), (f, _) in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).sum()


def adversarial_loss(fake: Sequence[Judgement]) -> Tensor:
    """Least squares of the generator."""
    return torch.stack([(1 - f.float()).square().mean() for f, _ in fake]).sum()


def feature_loss(real: Sequence[Judgement], fake: Sequence[Judgement]) -> Tensor:
    """Twice the mean absolute differences of all feature maps, scores included."""
    losses = [
        (a.float() - b.float()).abs().mean()
        for (r, r_maps), (f, f_maps) in zip(real, fake, strict=True)
        for a, b in zip((*r_maps, r), (*f_maps, f), strict=True)
    ]
    return 2 * torch.stack(losses).sum()
