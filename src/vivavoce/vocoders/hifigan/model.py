"""HiFi-GAN's generator (Kong 2020, arXiv:2010.05646): transposed convolutions and residual blocks.

Knows nothing of where features come from. Shapes: B batch, C channels, D speaker, T time steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.errors import ConfigError, UsageError
from vivavoce.nn.convolution import Conv, Upsampling, laid_out
from vivavoce.nn.tiles import in_tiles
from vivavoce.runtime.memory import trim
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Vocoder
from vivavoce.vocoders.hifigan.config import HifiganConfig

SLOPE = 0.1
NARROW = 64
"""Channels up to which memory, not arithmetic, bounds a stage."""
LAST_SLOPE = 0.01  # the published code leaves PyTorch's default here, and the weights know it


class ResidualPairs(nn.Module):
    """Block type 1: each dilated convolution is followed by an undilated one; section 2.2."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(Conv(channels, channels, kernel, d) for d in dilations)
        self.plain = nn.ModuleList(Conv(channels, channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            y = dilated(leaky_relu(x, SLOPE))
            x = plain(leaky_relu(y, SLOPE, inplace=True)).add_(x)
        return x


class Residuals(nn.Module):
    """Block type 2: single dilated convolutions."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(Conv(channels, channels, kernel, d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for dilated in self.dilated:
            x = dilated(leaky_relu(x, SLOPE)).add_(x)
        return x


class Stage(nn.Module):
    """One upsampling and the mean of its residual blocks: `[B, C, T]` to `[B, C/2, rate T]`."""

    def __init__(self, config: HifiganConfig, index: int) -> None:
        super().__init__()
        rate, kernel = config.rates[index], config.kernels[index]
        wide, narrow = config.width >> index, config.width >> (index + 1)
        self.upsample = Upsampling(wide, narrow, kernel, rate)
        block = ResidualPairs if config.block == 1 else Residuals
        self.blocks = nn.ModuleList(
            block(narrow, k, d)
            for k, d in zip(config.block_kernels, config.block_dilations, strict=True)
        )
        self.condition = Conv(config.condition_dim, narrow, 1) if config.condition_stages else None
        self.rate, self.narrow = rate, narrow <= NARROW
        # the output convolution, which the last stage takes along, has 7 taps
        self.halo = -(-(config.block_reach + kernel + 3) // rate) + 1

    def tiled(self, work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """`work(x)` that this stage is in, a stretch at a time where its channels are few."""
        return in_tiles(work, x, self.halo, self.rate) if self.narrow else work(x)

    def forward(self, x: Tensor, speaker: Tensor | None) -> Tensor:
        x = self.upsample(leaky_relu(x, SLOPE))
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker)
        total = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total.add_(block(x))
        return total.div_(len(self.blocks))


class Hifigan(Vocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1].

    Plain weights: weight normalisation is folded away when a checkpoint is converted. Raises
    ConfigError when the rates do not make the hop of `spec`.
    """

    config_type = HifiganConfig
    default_features = HIFIGAN_22K

    def __init__(self, config: HifiganConfig, spec: FeatureSpec) -> None:
        super().__init__()
        if config.hop_length != spec.hop_length:
            raise ConfigError(
                f"This HiFi-GAN makes {config.hop_length} samples a frame, its features have a hop "
                f"of {spec.hop_length}.",
                "The product of `rates` must be the hop.",
            )
        self.config = config
        self.accepts = spec
        self.receptive_field = config.receptive_field()
        self.edge_frames = config.edge_frames
        self.condition_width = config.condition_dim
        self.first = Conv(spec.n_channels, config.width, 7)
        self.condition = (
            Conv(config.condition_dim, config.width, 1) if config.condition_dim else None
        )
        self.stages = nn.ModuleList(Stage(config, i) for i in range(len(config.rates)))
        narrow = config.width >> len(config.rates)
        self.last = Conv(narrow, 1, 7, bias=config.output_bias)

    def forward(self, features: Tensor, speaker: Tensor | None = None) -> Tensor:
        """`speaker` is `[B, D, 1]`. Raises UsageError unless it is there exactly when needed."""
        if (speaker is None) != (self.condition is None):
            need = "needs a" if self.condition is not None else "takes no"
            raise UsageError(f"This HiFi-GAN {need} speaker vector.")
        x = self.first(laid_out(features))
        if self.condition is not None and speaker is not None:
            speaker = speaker.unsqueeze(2)
            x = x + self.condition(speaker)
        *stages, final = cast("list[Stage]", list(self.stages))
        for stage in stages:
            self._trim()
            x = stage.tiled(partial(stage, speaker=speaker), x)
        self._trim()
        samples = final.tiled(
            lambda part: self.last(leaky_relu(final(part, speaker), LAST_SLOPE)).tanh(), x
        )
        return samples[:, 0, 0]

    def _trim(self) -> None:
        """The holes that a stage's work leaves in memory would add to the next one's."""
        if self.frugal:
            trim()

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        return self(features, condition).float()
