"""The settings of a kNN-VC. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.nn.wavlm_config import WavLmConfig


@dataclass(frozen=True)
class KnnVcConfig:
    """`neighbours` frames of the target are averaged; `wavlm` has as many layers as are read."""

    neighbours: int = 4
    wavlm: WavLmConfig = field(default_factory=lambda: WavLmConfig(layers=6, final_norm=False))

    def __post_init__(self) -> None:
        if not 1 <= self.neighbours <= 100:
            raise ValueError("neighbours must be from 1 to 100")
