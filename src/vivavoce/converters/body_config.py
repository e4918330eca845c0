"""Sizes of the VITS-like body of converters. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BodyConfig:
    """Widths are channel counts. `n_bins` is the width of what the posterior reads."""

    n_bins: int
    latent_width: int = 192
    speaker_width: int = 256
    n_couplings: int = 4
    flow_width: int = 192
    flow_kernel: int = 5
    flow_layers: int = 4
    flow_dilation: int = 1
    posterior_width: int = 192
    posterior_kernel: int = 5
    posterior_layers: int = 16
    posterior_dilation: int = 1

    def __post_init__(self) -> None:
        if max(self.n_couplings, self.flow_layers, self.posterior_layers) > 1000:
            raise ValueError("n_couplings and numbers of layers must be at most 1000")
        if self.latent_width % 2:
            raise ValueError("latent_width must be even")
