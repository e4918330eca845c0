"""HiFi-GAN's generator (Kong 2020, arXiv:2010.05646): transposed convolutions and residual blocks.

Knows nothing of where features come from. Shapes: B batch, C channels, D speaker, T time steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import leaky_relu

from vivavoce.device import full_precision
from vivavoce.errors import ConfigError, UsageError
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.hifigan import toom_cook
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.vocoder import Vocoder

SLOPE = 0.1
LAST_SLOPE = 0.01  # the published code leaves PyTorch's default here, and the weights know it


class Conv(nn.Conv1d):
    """A convolution over T of `[B, C, 1, T]`, same length; the weight is `[C', C, K]`.

    Two dimensions because only their kernels know the channels-last layout.
    """

    def __init__(
        self, channels: int, out_channels: int, kernel: int, dilation: int = 1, bias: bool = True
    ) -> None:
        padding = dilation * (kernel - 1) // 2
        super().__init__(
            channels, out_channels, kernel, padding=padding, dilation=dilation, bias=bias
        )
        self.same = padding
        self.pays_off = toom_cook.pays_off(channels, kernel)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        x = input
        if self.pays_off and x.device.type == "cpu" and not torch.is_grad_enabled():
            with full_precision(x):
                return toom_cook.convolve(x.float(), self.weight, self.bias, self.dilation[0])
        weight = self.weight.unsqueeze(2)
        return F.conv2d(
            x, weight, self.bias, padding=(0, self.same), dilation=(1, self.dilation[0])
        )


class Upsampling(nn.ConvTranspose1d):
    """`[B, C, 1, T]` to `[B, C', 1, rate T]`."""

    def __init__(self, channels: int, out_channels: int, kernel: int, rate: int) -> None:
        super().__init__(channels, out_channels, kernel, rate)
        self.trim = (kernel - rate) // 2

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's name
        output_size: list[int] | None = None,
    ) -> Tensor:
        return F.conv_transpose2d(
            input,
            self.weight.unsqueeze(2),
            self.bias,
            stride=(1, self.stride[0]),
            padding=(0, self.trim),
        )


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

    def forward(self, x: Tensor, speaker: Tensor | None) -> Tensor:
        x = self.upsample(leaky_relu(x, SLOPE))
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker)
        total = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total.add_(block(x))
        return total.div_(len(self.blocks))


def _laid_out(features: Tensor) -> Tensor:
    """`[B, C, 1, T]`, channels last on the CPU, where that layout is the faster one."""
    x = features.unsqueeze(2)
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


class Hifigan(Vocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1].

    Plain weights: weight normalisation is folded away when a checkpoint is converted. Raises
    ConfigError when the rates do not make the hop of `spec`.
    """

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
        x = self.first(_laid_out(features))
        if self.condition is not None and speaker is not None:
            speaker = speaker.unsqueeze(2)
            x = x + self.condition(speaker)
        for stage in self.stages:
            x = stage(x, speaker)
        return self.last(leaky_relu(x, LAST_SLOPE)).tanh()[:, 0, 0]

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        return self(features, condition).float()
