"""The architecture of a FreeVC. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.nn.latent_config import LatentConfig
from vivavoce.nn.wavlm_config import WavLmConfig


@dataclass(frozen=True, kw_only=True)
class FreeVcConfig(LatentConfig):
    """`n_bins` is the width of WavLM's frames; `n_mels` and `speaker_layers` are those of the
    LSTM that tells who speaks.
    """

    n_mels: int = 80
    speaker_layers: int = 3
    wavlm: WavLmConfig = field(default_factory=WavLmConfig)

    def __post_init__(self) -> None:
        if self.n_bins != self.wavlm.width:
            raise ValueError(f"n_bins is {self.n_bins}; WavLM's width is {self.wavlm.width}")
