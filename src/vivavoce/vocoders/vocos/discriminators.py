"""The two critics that Vocos is trained against.

Both return, for every sub-discriminator, a score map and the feature maps under it.
Shapes: B batch, S samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vivavoce.audio.stft import stft
from vivavoce.nn.critics import Critic, Judgement, PeriodDiscriminator
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec


class ResolutionDiscriminator(nn.Module):
    """Looks at a complex spectrogram, real and imaginary parts as two channels.

    UnivNet's multi-resolution idea (Jang 2021, arXiv:2106.07889) with EnCodec's complex input
    (Défossez 2022, arXiv:2210.13438, section 3.4), which hears phase too. Unlike theirs the first
    layer halves the frequency axis already: half the cost, and the next layers do it anyway.
    """

    def __init__(self, n_fft: int, channels: int) -> None:
        super().__init__()
        self.spec = FeatureSpec(n_fft=n_fft, win_length=n_fft, hop_length=n_fft // 4)
        layers = [nn.Conv2d(2, channels, (9, 3), (2, 1), (4, 1))]
        layers += [
            nn.Conv2d(channels, channels, (9, 3), (2, 1), (4, dilation), (1, dilation))
            for dilation in (1, 2, 4)
        ]
        layers += [nn.Conv2d(channels, channels, 3, padding=1)]
        self.critic = Critic(layers, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Judgement:
        with full_precision(samples):
            spectrum = torch.stack(stft(samples.float(), self.spec), dim=1)
        return self.critic(spectrum / self.spec.n_fft**0.5)


class VocosDiscriminators(nn.Module):
    """All of them; `width` scales every channel count (1.0 is the papers')."""

    def __init__(self, periods: Sequence[int], n_ffts: Sequence[int], width: float) -> None:
        super().__init__()
        channels = [max(4, round(c * width)) for c in (32, 128, 512, 1024, 1024)]
        self.periods = nn.ModuleList(PeriodDiscriminator(p, channels) for p in periods)
        narrow = max(4, round(32 * width))
        self.resolutions = nn.ModuleList(ResolutionDiscriminator(n, narrow) for n in n_ffts)

    def forward(self, samples: Tensor) -> list[Judgement]:
        """Judgements of samples `[B, S]`, one a sub-discriminator."""
        return [critic(samples) for critic in (*self.periods, *self.resolutions)]
