"""HiFi-GAN (Kong 2020, arXiv:2010.05646): the shared generator with leaky rectifiers."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.nn.windows import Window
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import EngineVocoder, Vocoder
from vivavoce.vocoders.generator import Generator
from vivavoce.vocoders.hifigan.config import LAST_SLOPE, SLOPE, HifiganConfig


class Hifigan(Generator):
    """The generator for one speaker, or for a speaker vector of `config.condition_dim` values."""

    config_type = HifiganConfig
    default_features = HIFIGAN_22K
    title = "HiFi-GAN"
    tiled_channels = 32

    def __init__(self, config: HifiganConfig, spec: FeatureSpec) -> None:
        inner = replace(spec, n_mels=config.inner_channels) if config.inner_channels else spec
        super().__init__(
            config,
            inner,
            activation=lambda _, overwrite: nn.LeakyReLU(SLOPE, inplace=overwrite),
            before=nn.LeakyReLU(SLOPE),
            last=nn.LeakyReLU(LAST_SLOPE),
            condition_dim=config.condition_dim,
            condition_stages=config.condition_stages,
        )
        self.config = config
        self.edge_frames = config.edge_frames
        self.accepts = spec
        self.inwards = (
            nn.Linear(spec.n_channels, config.inner_channels) if config.inner_channels else None
        )

    def forward(
        self, features: Tensor, speaker: Tensor | None = None, kept: Window | None = None
    ) -> Tensor:
        if self.inwards is not None:
            features = self.inwards(features.transpose(1, 2)).transpose(1, 2)
        return super().forward(features, speaker, kept)

    def on_mlx(self) -> Vocoder:
        from vivavoce.vocoders.hifigan.mlx import MlxHifigan

        if self.inwards is not None:
            return super().on_mlx()
        return EngineVocoder(self.eval().requires_grad_(False), MlxHifigan(self))
