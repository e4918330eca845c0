"""The divergence that VITS is trained to lessen (paper section 2.3)."""

from __future__ import annotations

from torch import Tensor


def divergence(
    z: Tensor, log_scale_q: Tensor, mean_p: Tensor, log_scale_p: Tensor, mask: Tensor
) -> Tensor:
    """Kullback-Leibler divergence of the posterior from the prior, at the drawn latents `z`.

    All `[B, C, T]`, mask `[B, 1, T]`. Channels are summed, frames averaged (equation 3).
    """
    distance = 0.5 * (z - mean_p).square() * (-2 * log_scale_p).exp()
    terms = log_scale_p - log_scale_q - 0.5 + distance
    return (terms * mask).sum() / mask.sum()
