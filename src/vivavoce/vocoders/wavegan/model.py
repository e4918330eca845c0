"""Parallel WaveGAN (Yamamoto 2020, arXiv:1910.11480): noise in, samples out, the mel beside it.

Shapes: B batch, C channels, T frames, S samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.specs import COQUI_22K
from vivavoce.nn.convolution import Conv, laid_out
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import require_hop
from vivavoce.vocoders.drawn import NoisyVocoder
from vivavoce.vocoders.smoothing import Smoothing
from vivavoce.vocoders.wavegan.config import WaveganConfig


class GatedLayer(nn.Module):
    """A dilated convolution, its gate, and what goes on and what is skipped (section 2.1)."""

    def __init__(self, config: WaveganConfig, dilation: int, n_channels: int) -> None:
        super().__init__()
        c, half = config, config.gate // 2
        self.dilated = Conv(c.width, c.gate, c.kernel, dilation)
        self.condition = Conv(n_channels, c.gate, 1, bias=False)
        self.skip = Conv(half, c.skip, 1)
        self.output = Conv(half, c.width, 1)

    def forward(self, x: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        signal, gate = (self.dilated(x) + self.condition(mel)).chunk(2, 1)
        y = torch.tanh(signal) * torch.sigmoid(gate)
        # a quarter, where the paper has the root of a half: the published weights know it
        return (self.output(y) + x) * 0.25, self.skip(y)


class MelUpsampling(Smoothing):
    """Mel `[B, C, 1, T]` to `[B, C, 1, S]`."""

    def __init__(self, rates: tuple[int, ...], n_channels: int) -> None:
        super().__init__(rates)
        self.first = Conv(n_channels, n_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.first(x))


class Wavegan(NoisyVocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]`, not bounded.

    Raises ConfigError when the rates do not make the hop of `spec`.
    """

    config_type = WaveganConfig
    default_features = COQUI_22K

    def __init__(self, config: WaveganConfig, spec: FeatureSpec) -> None:
        super().__init__()
        require_hop("Parallel WaveGAN", config.hop_length, spec)
        self.config, self.accepts = config, spec
        self.noise_channels = config.hop_length
        self.receptive_field, self.edge_frames = config.receptive_field(), config.edge_frames
        self.upsample = MelUpsampling(config.rates, spec.n_channels)
        self.first = Conv(1, config.width, 1)
        self.layers = nn.ModuleList(
            GatedLayer(config, config.dilation(n), spec.n_channels) for n in range(config.layers)
        )
        self.summed = Conv(config.skip, config.skip, 1)
        self.last = Conv(config.skip, 1, 1)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        mel, noise = self.parts(features, condition)
        return self(mel, noise.transpose(1, 2).flatten(1)).float()

    def forward(self, mel: Tensor, noise: Tensor) -> Tensor:
        """Mel `[B, C, T]` and noise `[B, S]` to samples `[B, S]`."""
        conditions = self.upsample(laid_out(mel))
        x = self.first(noise[:, None, None])
        x, total = self.layers[0](x, conditions)
        for layer in self.layers[1:]:
            x, skip = layer(x, conditions)
            total = total + skip
        y = self.summed(F.relu(total * math.sqrt(1 / len(self.layers))))
        return self.last(F.relu(y))[:, 0, 0]
