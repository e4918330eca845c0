"""Discriminators over waveforms (HiFi-GAN, Kong 2020, arXiv:2010.05646, section 2.3).

Each gives a score map and the feature maps under it. Shapes: B batch, S samples.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1
Judgement = tuple[Tensor, list[Tensor]]


class Critic(nn.Module):
    """Convolutions with leaky ReLUs and a one-channel score at the end."""

    def __init__(self, layers: Sequence[nn.Module], score: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.score = weight_norm(score)

    def forward(self, x: Tensor) -> Judgement:
        features = []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.score(x), features


class PeriodDiscriminator(nn.Module):
    """Looks at every `period`-th sample."""

    def __init__(self, period: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        sizes = [1, *channels]
        layers = [
            nn.Conv2d(a, b, (5, 1), (3 if i < len(channels) - 1 else 1, 1), (2, 0))
            for i, (a, b) in enumerate(zip(sizes, channels, strict=False))
        ]
        self.critic = Critic(layers, nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, samples: Tensor) -> Judgement:
        missing = -samples.shape[-1] % self.period
        padded = nn.functional.pad(samples[:, None], (0, missing), "reflect")
        return self.critic(padded.unflatten(-1, (-1, self.period)))


class ScaleDiscriminator(nn.Module):
    """Looks at all samples, with ever longer strides and many groups (MelGAN's)."""

    def __init__(self, channels: Sequence[int], groups: Sequence[int]) -> None:
        super().__init__()
        sizes = [1, *channels]
        kernels = [15, *[41] * (len(channels) - 2), 5]
        strides = [1, *[4] * (len(channels) - 2), 1]
        layers = [
            nn.Conv1d(a, b, kernel, stride, (kernel - 1) // 2, groups=n)
            for a, b, kernel, stride, n in zip(
                sizes, channels, kernels, strides, groups, strict=False
            )
        ]
        self.critic = Critic(layers, nn.Conv1d(sizes[-1], 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Judgement:
        return self.critic(samples.unsqueeze(1))
