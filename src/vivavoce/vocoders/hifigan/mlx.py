"""HiFi-GAN in MLX. Signals are `[B, T, C]`; weights are those of the torch module."""

from __future__ import annotations

import mlx.core as mx
from mlx import nn as layers
from torch import Tensor

from vivavoce.runtime.mlx import Convolution, to_mlx, to_torch
from vivavoce.vocoders.generator import Generator, ResidualBlock, Stage
from vivavoce.vocoders.hifigan.config import LAST_SLOPE, SLOPE


class MlxHifigan:
    """`Hifigan.decode`."""

    def __init__(self, vocoder: Generator) -> None:
        self.first, self.last = Convolution(vocoder.first), Convolution(vocoder.last)
        told = vocoder.condition
        self.condition = None if told is None else Convolution(told)
        self.stages = [MlxStage(s) for s in vocoder.stages if isinstance(s, Stage)]

    def __call__(self, features: Tensor, condition: Tensor | None) -> Tensor:
        x = self.first(to_mlx(features.transpose(1, 2)))
        speaker = None if condition is None else to_mlx(condition.transpose(1, 2))
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker)
        for stage in self.stages:
            x = stage(x, speaker)
        x = mx.tanh(self.last(layers.leaky_relu(x, LAST_SLOPE)))
        return to_torch(x[:, :, 0])


class MlxStage:
    def __init__(self, theirs: Stage) -> None:
        up = theirs.upsample
        assert up.bias is not None
        self.weight, self.bias = to_mlx(up.weight.permute(1, 2, 0)), to_mlx(up.bias)
        self.rate, self.trim = theirs.rate, up.trim
        self.condition = None if theirs.condition is None else Convolution(theirs.condition)
        self.blocks = [MlxResidual(b) for b in theirs.blocks if isinstance(b, ResidualBlock)]

    def __call__(self, x: mx.array, speaker: mx.array | None) -> mx.array:
        x = layers.leaky_relu(x, SLOPE)
        x = mx.conv_transpose1d(x, self.weight, self.rate, self.trim) + self.bias
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker)
        parts = [block(x) for block in self.blocks]
        return sum(parts[1:], parts[0]) / len(parts)


class MlxResidual:
    def __init__(self, theirs: ResidualBlock) -> None:
        self.dilated = [Convolution(conv) for conv in theirs.dilated]
        self.plain = [Convolution(conv) for conv in theirs.plain]

    def __call__(self, x: mx.array) -> mx.array:
        for number, conv in enumerate(self.dilated):
            y = conv(layers.leaky_relu(x, SLOPE))
            if self.plain:
                y = self.plain[number](layers.leaky_relu(y, SLOPE))
            x = x + y
        return x
