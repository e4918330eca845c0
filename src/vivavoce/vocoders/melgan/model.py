"""MelGAN (Kumar 2019, arXiv:1910.06711), fullband and multi-band (Yang 2020, arXiv:2005.05106).

Shapes: B batch, C channels, T time steps, N sub-bands.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.specs import COQUI_22K
from vivavoce.errors import UsageError
from vivavoce.nn.convolution import Conv, ReflectedConv, Upsampling, laid_out
from vivavoce.nn.tiles import in_tiles
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Vocoder, require_hop
from vivavoce.vocoders.melgan.config import PQMF_TAPS, MelganConfig

SLOPE = 0.2


class MelganStage(nn.Module):
    """An upsampling and its residual stack (2.1.1): `[B, C, 1, T]` to `[B, C/2, 1, rate T]`."""

    def __init__(self, config: MelganConfig, index: int) -> None:
        super().__init__()
        wide, narrow = config.width >> index, config.width >> (index + 1)
        self.rate = config.rates[index]
        self.upsample = Upsampling(wide, narrow, 2 * self.rate, self.rate)
        count = range(config.residuals)
        self.dilated = nn.ModuleList(ReflectedConv(narrow, narrow, 3, 3**j) for j in count)
        self.plain = nn.ModuleList(Conv(narrow, narrow, 1) for _ in count)
        self.shortcuts = nn.ModuleList(Conv(narrow, narrow, 1) for _ in count)
        # the output convolution has 7 taps, the filter bank reaches 8 sub-band steps
        self.halo = -(-(config.reach + 2 * self.rate + 3 + 8) // self.rate) + 1

    def forward(self, x: Tensor) -> Tensor:
        x = self.upsample(_rectified(x))
        for dilated, plain, shortcut in zip(self.dilated, self.plain, self.shortcuts, strict=True):
            x = shortcut(x) + plain(_rectified(dilated(_rectified(x))))
        return x


class Synthesis(nn.Module):
    """The synthesis half of a pseudo-QMF bank: sub-bands `[B, N, 1, T]` to `[B, 1, 1, N T]`."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bands = bands
        # a checkpoint brings its own filters
        self.weight = nn.Parameter(torch.randn(bands, 1, PQMF_TAPS) / PQMF_TAPS)

    def forward(self, x: Tensor) -> Tensor:
        weight, half = self.weight.unsqueeze(2), PQMF_TAPS // 2
        stride, rest = (1, self.bands), (0, self.bands - 1)
        return F.conv_transpose2d(x, weight, None, stride, (0, half), rest)


class Melgan(Vocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]`: in [-1, 1], but for several bands.

    Raises ConfigError when the rates do not make the hop of `spec`.
    """

    config_type = MelganConfig
    default_features = COQUI_22K

    def __init__(self, config: MelganConfig, spec: FeatureSpec) -> None:
        super().__init__()
        require_hop("MelGAN", config.hop_length, spec)
        self.config, self.accepts = config, spec
        self.receptive_field, self.edge_frames = config.receptive_field(), config.edge_frames
        stages = range(len(config.rates))
        self.first = ReflectedConv(spec.n_channels, config.width, 7)
        self.stages = nn.ModuleList(MelganStage(config, index) for index in stages)
        self.last = ReflectedConv(config.width >> len(stages), config.bands, 7)
        self.synthesis = Synthesis(config.bands) if config.bands > 1 else None

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None:
            raise UsageError("A MelGAN accepts no speaker vector.")
        return self(features).float()

    def forward(self, features: Tensor) -> Tensor:
        x, final = self._before_last(features)
        rate = final.rate * self.config.bands
        samples = in_tiles(lambda part: self._samples(final(part)), x, final.halo, rate)
        return samples[:, 0, 0]

    def bands(self, features: Tensor) -> Tensor:
        """Features `[B, C, T]` to sub-bands `[B, N, T hop / N]`, which training compares."""
        x, final = self._before_last(features)
        return self._bands(final(x))[:, :, 0]

    def _before_last(self, features: Tensor) -> tuple[Tensor, MelganStage]:
        x = self.first(laid_out(features))
        *stages, final = cast("list[MelganStage]", list(self.stages))
        for stage in stages:
            x = stage(x)
        return x, final

    def _bands(self, x: Tensor) -> Tensor:
        return self.last(_rectified(x)).tanh()

    def _samples(self, x: Tensor) -> Tensor:
        x = self._bands(x)
        return x if self.synthesis is None else self.synthesis(x)


def _rectified(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)
