"""Sizes of a Vocos vocoder."""

from __future__ import annotations

from dataclasses import dataclass

LOUDEST_MAGNITUDE = 1e2


@dataclass(frozen=True)
class VocosConfig:
    """`dim` is the width of the backbone, `hidden_dim` that inside each of its `n_layers` blocks.

    The defaults are the paper's. Transform, hop and framing come with the FeatureSpec.
    """

    dim: int = 512
    hidden_dim: int = 1536
    n_layers: int = 8

    def __post_init__(self) -> None:
        if min(self.dim, self.hidden_dim, self.n_layers) < 1:
            raise ValueError("dim, hidden_dim and n_layers must be at least 1")
