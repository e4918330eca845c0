"""Vocos (Siuzdak 2023, arXiv:2306.00814): a ConvNeXt at frame rate, then one inverse STFT.

Shapes: B batch, C channels, T frames, D width, S samples.
"""

from __future__ import annotations

from torch import Tensor, nn

from vivavoce.audio.stft import istft
from vivavoce.errors import UsageError
from vivavoce.nn.convolution import ConvNeXtBackbone
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import EngineVocoder, Vocoder
from vivavoce.vocoders.vocos.config import LOUDEST_MAGNITUDE, VocosConfig


class Vocos(Vocoder):
    """Features `[B, C, T]` to samples `[B, S]`: S is (T - 1) hops with `center` framing, else T."""

    config_type = VocosConfig

    def __init__(self, config: VocosConfig, spec: FeatureSpec) -> None:
        super().__init__()
        self.config = config
        self.accepts = spec
        self.backbone = ConvNeXtBackbone(
            spec.n_channels, config.dim, config.hidden_dim, config.n_layers
        )
        self.head = nn.Linear(config.dim, spec.n_fft + 2)
        frames_overlapping = -(-spec.n_fft // (2 * spec.hop_length))
        self.receptive_field = self.backbone.reach + frames_overlapping
        self.apply(_initialise)

    def forward(self, features: Tensor) -> Tensor:
        return self.synthesise(self.backbone(features))

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None:
            raise UsageError("Vocos accepts no speaker condition.")
        return self(features)

    def on_mlx(self) -> Vocoder:
        from vivavoce.vocoders.vocos.mlx import MlxVocos

        work = MlxVocos(self.backbone, self.head, self.accepts)
        return EngineVocoder(self.eval().requires_grad_(False), work)

    def n_samples(self, n_frames: int) -> int:
        return (n_frames - (self.accepts.framing == "center")) * self.accepts.hop_length

    def synthesise(self, hidden: Tensor) -> Tensor:
        """Hidden states `[B, T, D]` to samples `[B, S]`, equation 4; always in float32.

        The phase is an angle of any size: lower precision would be heard as noise.
        """
        with full_precision(hidden):
            log_magnitude, phase = self.head(hidden.float()).transpose(1, 2).chunk(2, dim=1)
            magnitude = log_magnitude.exp().clamp(max=LOUDEST_MAGNITUDE)
            real, imag = magnitude * phase.cos(), magnitude * phase.sin()
            return istft(real, imag, self.accepts)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
