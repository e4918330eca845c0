"""Discriminators over waveforms (HiFi-GAN, Kong 2020, arXiv:2010.05646, section 2.3).

Each gives a score map and the feature maps under it. Shapes: B batch, S samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from vivavoce.nn.spectral_norm import spectral_norm

SLOPE = 0.1
Judgement = tuple[Tensor, list[Tensor]]


class Critic(nn.Module):
    """Convolutions with leaky ReLUs and a one-channel score at the end.

    `first_map` is the layer whose feature map is the first to be given.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        score: nn.Module,
        normalise: Callable[[nn.Module], nn.Module] = weight_norm,
        first_map: int = 0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(normalise(layer) for layer in layers)
        self.score = normalise(score)
        self.first_map = first_map

    def forward(self, x: Tensor) -> Judgement:
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.score(x), features[self.first_map :]


class PeriodDiscriminator(nn.Module):
    """Looks at every `period`-th sample."""

    def __init__(self, period: int, channels: Sequence[int], first_map: int = 0) -> None:
        super().__init__()
        self.period = period
        sizes = [1, *channels]
        layers = [
            nn.Conv2d(a, b, (5, 1), (3 if i < len(channels) - 1 else 1, 1), (2, 0))
            for i, (a, b) in enumerate(zip(sizes, channels, strict=False))
        ]
        score = nn.Conv2d(sizes[-1], 1, (3, 1), padding=(1, 0))
        self.critic = Critic(layers, score, first_map=first_map)

    def forward(self, samples: Tensor) -> Judgement:
        missing = -samples.shape[-1] % self.period
        padded = F.pad(samples[:, None], (0, missing), "reflect")
        return self.critic(padded.unflatten(-1, (-1, self.period)))


class ScaleDiscriminator(nn.Module):
    """Looks at all samples, with ever longer strides and many groups (MelGAN's).

    `strides` of None are 4 but for the first and the last layer. The samples are averaged to half
    their rate `halvings` times first. With `spectral`, the weights are divided by their largest
    singular value instead of normalised by their length.
    """

    def __init__(
        self,
        channels: Sequence[int],
        groups: Sequence[int],
        strides: Sequence[int] | None = None,
        halvings: int = 0,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        sizes = [1, *channels]
        kernels = [15, *[41] * (len(channels) - 2), 5]
        strides = strides or [1, *[4] * (len(channels) - 2), 1]
        layers = [
            nn.Conv1d(a, b, kernel, stride, (kernel - 1) // 2, groups=n)
            for a, b, kernel, stride, n in zip(
                sizes, channels, kernels, strides, groups, strict=False
            )
        ]
        score = nn.Conv1d(sizes[-1], 1, 3, padding=1)
        self.critic = Critic(layers, score, spectral_norm if spectral else weight_norm)
        self.halvings = halvings

    def forward(self, samples: Tensor) -> Judgement:
        x = samples.unsqueeze(1)
        for _ in range(self.halvings):
            x = F.avg_pool1d(x, 4, 2, padding=2)
        return self.critic(x)
