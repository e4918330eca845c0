"""BigVGAN (Lee 2023, arXiv:2206.04658): the shared generator with periodic activations.

Its blocks are the paper's anti-aliased multi-periodicity composition, section 3.2.
"""

from __future__ import annotations

from torch import Tensor, nn

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.bigvgan.activation import Snake
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.generator import Generator


class Bigvgan(Generator):
    """The generator of either version, by `config.activation` and `config.last`."""

    config_type = BigvganConfig
    default_features = BIGVGAN_24K
    title = "BigVGAN"

    def __init__(self, config: BigvganConfig, spec: FeatureSpec) -> None:
        def activation(channels: int, _: bool = False) -> Snake:
            return Snake(channels, config.activation == "snakebeta", config.log_scale)

        narrow = config.width >> len(config.rates)
        super().__init__(config, spec, activation, before=nn.Identity(), last=activation(narrow))
        self.config = config

    def bound(self, samples: Tensor) -> Tensor:
        return samples.tanh() if self.config.last == "tanh" else samples.clamp(-1, 1)
