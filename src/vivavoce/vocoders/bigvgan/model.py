"""BigVGAN's generator (Lee 2023, arXiv:2206.04658): HiFi-GAN's with periodic activations.

Knows nothing of where features come from. Shapes: B batch, C channels, T time steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.errors import ConfigError, UsageError
from vivavoce.nn.convolution import Conv, Upsampling, laid_out
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Vocoder
from vivavoce.vocoders.bigvgan.activation import Snake
from vivavoce.vocoders.bigvgan.config import BigvganConfig


class Residuals(nn.Module):
    """Anti-aliased multi-periodicity block: activations and convolutions in turn, section 3.2.

    In block type 1 each dilated convolution is followed by an undilated one.
    """

    def __init__(
        self, config: BigvganConfig, channels: int, kernel: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(Conv(channels, channels, kernel, d) for d in dilations)
        self.plain = nn.ModuleList(
            Conv(channels, channels, kernel) for _ in (dilations if config.block == 1 else ())
        )
        self.activations = nn.ModuleList(
            activation(config, channels) for _ in range(len(self.dilated) + len(self.plain))
        )

    def forward(self, x: Tensor) -> Tensor:
        layers = [*self.dilated]
        if self.plain:
            layers = [m for pair in zip(self.dilated, self.plain, strict=True) for m in pair]
        per_sum = len(layers) // len(self.dilated)
        y = x
        for i, (act, layer) in enumerate(zip(self.activations, layers, strict=True), 1):
            y = layer(act(y))
            if i % per_sum == 0:
                x = y = y.add_(x)
        return x


class Stage(nn.Module):
    """One upsampling and the mean of its blocks: `[B, C, 1, T]` to `[B, C/2, 1, rate T]`."""

    def __init__(self, config: BigvganConfig, index: int) -> None:
        super().__init__()
        rate, kernel = config.rates[index], config.kernels[index]
        wide, narrow = config.width >> index, config.width >> (index + 1)
        self.upsample = Upsampling(wide, narrow, kernel, rate)
        self.blocks = nn.ModuleList(
            Residuals(config, narrow, k, d)
            for k, d in zip(config.block_kernels, config.block_dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.upsample(x)
        total = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total.add_(block(x))
        return total.div_(len(self.blocks))


def activation(config: BigvganConfig, channels: int) -> Snake:
    return Snake(channels, config.activation == "snakebeta", config.log_scale)


class Bigvgan(Vocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1].

    Plain weights: weight normalisation is folded away when a checkpoint is converted. Raises
    ConfigError when the rates do not make the hop of `spec`.
    """

    config_type = BigvganConfig
    default_features = BIGVGAN_24K

    def __init__(self, config: BigvganConfig, spec: FeatureSpec) -> None:
        super().__init__()
        if config.hop_length != spec.hop_length:
            raise ConfigError(
                f"This BigVGAN makes {config.hop_length} samples a frame, its features have a hop "
                f"of {spec.hop_length}.",
                "The product of `rates` must be the hop.",
            )
        self.config = config
        self.accepts = spec
        self.receptive_field = config.receptive_field()
        self.first = Conv(spec.n_channels, config.width, 7)
        self.stages = nn.ModuleList(Stage(config, i) for i in range(len(config.rates)))
        narrow = config.width >> len(config.rates)
        self.activation = activation(config, narrow)
        self.last = Conv(narrow, 1, 7, bias=config.output_bias)

    def forward(self, features: Tensor) -> Tensor:
        x = self.first(laid_out(features))
        for stage in self.stages:
            x = stage(x)
        samples = self.last(self.activation(x))[:, 0, 0]
        return samples.tanh() if self.config.last == "tanh" else samples.clamp(-1, 1)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None:
            raise UsageError("BigVGAN takes no speaker vector.")
        return self(features).float()
