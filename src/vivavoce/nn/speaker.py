"""The ResNet-SE speaker encoder: the mel of a recording to a vector that says who speaks.

Heo et al. 2020, arXiv:2009.14153 (H/ASP), as Coqui trained it; names are its checkpoints'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import ConfigError
from vivavoce.nn.speaker_config import SpeakerConfig

REDUCTION = 8
POOLING = 128
EPS = 1e-5
SMALLEST_VARIANCE = 1e-5


class SpeakerNetwork(nn.Module):
    """Raises ConfigError unless it has four stages.

    Its mels are those of `SPEAKER_16K`; how loud they are does not matter.
    """

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        if not len(config.blocks) == len(config.channels) == 4:
            raise ConfigError(
                "A speaker encoder has four stages.", "Give four blocks, four channels."
            )
        first, last = config.channels[0], config.channels[-1]
        self.conv1 = nn.Conv2d(1, first, 3, padding=1)
        self.bn1 = Normalised(first)
        stages, before = [], first
        for n, (blocks, width) in enumerate(zip(config.blocks, config.channels, strict=True)):
            stages.append(_stage(before, width, blocks, stride=2 if n else 1))
            before = width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        bands = last * -(-config.n_mels // 8)
        self.attention = nn.Sequential(
            nn.Conv1d(bands, POOLING, 1),
            nn.ReLU(),
            Normalised(POOLING),
            nn.Conv1d(POOLING, bands, 1),
        )
        self.fc = nn.Linear(2 * bands, config.width)

    def describe(self, mel: Tensor) -> Tensor:
        """`[B, M, T]` to `[B, D]`, of any length."""
        variance, mean = torch.var_mean(mel, dim=2, correction=0, keepdim=True)
        x = ((mel - mean) / (variance + EPS).sqrt())[:, None]
        x = self.bn1(self.conv1(x).relu_())
        if x.device.type == "cpu":  # the layout that its convolutions read fastest
            x = x.contiguous(memory_format=torch.channels_last)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        x = x.flatten(1, 2)
        weight = self.attention(x).softmax(2)
        mean = (x * weight).sum(2)
        variance = (x.square() * weight).sum(2) - mean.square()
        pooled = torch.cat([mean, variance.clamp(min=SMALLEST_VARIANCE).sqrt()], dim=1)
        return self.fc(pooled)


def _stage(before: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = SpeakerBlock(before, width, stride)
    return nn.Sequential(first, *(SpeakerBlock(width, width) for _ in range(blocks - 1)))


class SpeakerBlock(nn.Module):
    """Two convolutions beside a shortcut. The first is rectified before it is normalised."""

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = Normalised(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = Normalised(width)
        self.se = Excitation(width)
        self.downsample = None
        if stride != 1 or before != width:
            shorter = nn.Conv2d(before, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shorter, Normalised(width))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x).relu_())
        x = self.bn2(self.conv2(x))
        return torch.addcmul(shortcut, x, self.se(x)).relu_()


class Excitation(nn.Module):
    """By how much each channel is made louder or quieter, `[B, C, 1, 1]`, by their averages."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // REDUCTION
        self.fc = nn.Sequential(
            nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))[:, :, None, None]


class Normalised(nn.Module):
    """Batch normalisation by the statistics of training, which are never touched again."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPS)
