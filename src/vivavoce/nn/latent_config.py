"""Sizes of VITS's latents: its posterior encoder and its flow. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LatentConfig:
    """Widths are channel counts; the defaults are the publication's.

    `n_bins` is the width of what the posterior reads, `speaker_width` that of a speaker's vector, 0
    where nobody tells who speaks.
    """

    n_bins: int = 513
    latent_width: int = 192
    speaker_width: int = 0
    n_couplings: int = 4
    flow_width: int = 192
    flow_kernel: int = 5
    flow_layers: int = 4
    flow_dilation: int = 1
    posterior_width: int = 192
    posterior_kernel: int = 5
    posterior_layers: int = 16
    posterior_dilation: int = 1
