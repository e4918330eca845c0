"""The discriminators that a vocoder is trained against, by kind.

Each gives a score map and the feature maps under it. Shapes: B batch, S samples, F bins, T frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from vivavoce.audio.stft import stft
from vivavoce.nn.critics import (
    SLOPE,
    Critic,
    Judgement,
    PeriodDiscriminator,
    ScaleDiscriminator,
)
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.adversarial.config import AdversarialLoss, CriticKind
from vivavoce.vocoders.adversarial.reconstruction import compressed

PERIOD_CHANNELS = (32, 128, 512, 1024, 1024)
SCALE_CHANNELS = (128, 128, 256, 512, 1024, 1024, 1024)
SCALE_STRIDES = (1, 2, 2, 4, 4, 1, 1)
SCALES = 3
SPECTRUM_CHANNELS = 32
NARROWEST = 2
BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
PEAK = 0.8
ONE_PASS: tuple[CriticKind, ...] = ("periods", "resolutions")


class ResolutionDiscriminator(nn.Module):
    """Looks at a complex spectrogram, real and imaginary parts as two channels.

    UnivNet's multi-resolution idea (Jang 2021, arXiv:2106.07889) with EnCodec's complex input
    (Défossez 2022, arXiv:2210.13438, section 3.4), which hears phase too. Unlike theirs the first
    layer halves the frequency axis already: half the cost, and the next layers do it anyway.
    `compressed` raises magnitudes to the power 0.3, so that quiet high frequencies are judged too.
    """

    def __init__(
        self, n_fft: int, channels: int, first_map: int = 0, compressed: bool = False
    ) -> None:
        super().__init__()
        self.spec, self.compressed = _spectrum(n_fft), compressed
        layers = [nn.Conv2d(2, channels, (9, 3), (2, 1), (4, 1))]
        layers += [
            nn.Conv2d(channels, channels, (9, 3), (2, 1), (4, dilation), (1, dilation))
            for dilation in (1, 2, 4)
        ]
        layers += [nn.Conv2d(channels, channels, 3, padding=1)]
        score = nn.Conv2d(channels, 1, 3, padding=1)
        self.critic = Critic(layers, score, first_map=first_map)

    def forward(self, samples: Tensor) -> Judgement:
        with full_precision(samples):
            parts = stft(samples.float(), self.spec)
            if self.compressed:
                return self.critic(compressed(torch.stack(parts, dim=3)).permute(0, 3, 1, 2))
        return self.critic(torch.stack(parts, dim=1) / self.spec.n_fft**0.5)


class BandDiscriminator(nn.Module):
    """Looks at a complex spectrogram cut into five bands, each with layers of its own.

    (Kumar 2023, arXiv:2306.06546, section 3.3.) The mean is taken off each row and its peak set
    to 0.8 first, so that loudness tells nothing.
    """

    def __init__(self, n_fft: int, channels: int, first_map: int = 0) -> None:
        super().__init__()
        self.spec, self.first_map = _spectrum(n_fft), first_map
        bins = n_fft // 2 + 1
        self.edges = [(int(low * bins), int(high * bins)) for low, high in BANDS]
        self.bands = nn.ModuleList(nn.ModuleList(_band_layers(channels)) for _ in BANDS)
        self.score = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, samples: Tensor) -> Judgement:
        with full_precision(samples):
            centred = samples.float() - samples.float().mean(-1, keepdim=True)
            level = PEAK * centred / (centred.abs().amax(-1, keepdim=True) + 1e-9)
            spectrum = torch.stack(stft(level, self.spec), dim=1).transpose(2, 3)  # [B, 2, T, F]
        maps, ends = [], []
        for (low, high), layers in zip(self.edges, self.bands, strict=True):
            x, found = spectrum[..., low:high], []
            for layer in layers.children():
                x = F.leaky_relu(layer(x), SLOPE)
                found.append(x)
            maps += found[self.first_map :]
            ends.append(x)
        return self.score(torch.cat(ends, -1)), maps


def _band_layers(channels: int) -> Iterator[nn.Module]:
    yield weight_norm(nn.Conv2d(2, channels, (3, 9), padding=(1, 4)))
    for _ in range(3):
        yield weight_norm(nn.Conv2d(channels, channels, (3, 9), (1, 2), (1, 4)))
    yield weight_norm(nn.Conv2d(channels, channels, 3, padding=1))


class CriticSet(nn.Module):
    """All discriminators of a training, in the order of `loss.discriminators`."""

    def __init__(self, loss: AdversarialLoss) -> None:
        super().__init__()
        self.kinds = loss.discriminators
        for kind in self.kinds:
            self.add_module(kind, nn.ModuleList(_critics(kind, loss)))
        weights = self._weights(loss.discriminator_weights)
        self.register_buffer("weights", weights, persistent=False)

    weights: Tensor | None

    def forward(self, samples: Tensor) -> list[Judgement]:
        """Judgements of samples `[B, S]`, one a discriminator."""
        return [critic(samples) for critic in self._all()]

    def both(self, real: Tensor, fake: Tensor) -> tuple[list[Judgement], list[Judgement]]:
        """Judgements of recordings and of generated samples, `[B, S]` each.

        The generated ones first, as in the references: each pass moves the spectral normalisation.
        One pass over both would give a bias whose gradient is zero, as hinge has them, the sum's
        rounding error for a gradient; the kinds of `ONE_PASS` keep it for the runs there are.
        """
        if self.kinds != ONE_PASS:
            judged = self(fake)
            return self(real), judged
        n, together = len(real), self(torch.cat([real, fake]))
        return (
            [(score[:n], [m[:n] for m in maps]) for score, maps in together],
            [(score[n:], [m[n:] for m in maps]) for score, maps in together],
        )

    def total(self, losses: Tensor) -> Tensor:
        """One loss from one a discriminator `[D]`: their mean, or the weighted means of kinds."""
        return losses.mean() if self.weights is None else (losses * self.weights).sum()

    def _all(self) -> Iterator[nn.Module]:
        for kind in self.kinds:
            yield from self.get_submodule(kind).children()

    def _weights(self, of_kinds: Sequence[float]) -> Tensor | None:
        if not of_kinds:
            return None
        counts = [len(list(self.get_submodule(kind).children())) for kind in self.kinds]
        pairs = zip(of_kinds, counts, strict=True)
        return torch.tensor([weight / n for weight, n in pairs for _ in range(n)])


def _critics(kind: CriticKind, loss: AdversarialLoss) -> Iterator[nn.Module]:
    first, width = int(loss.skip_first_map), loss.discriminator_width
    narrow = max(NARROWEST, round(SPECTRUM_CHANNELS * width))
    if kind == "periods":
        channels = [max(NARROWEST, round(c * width)) for c in PERIOD_CHANNELS]
        for period in loss.discriminator_periods:
            yield PeriodDiscriminator(period, channels, first)
    elif kind == "scales":
        groups = loss.scale_groups
        channels = _divisible([c * width for c in SCALE_CHANNELS], groups)
        for n in range(SCALES):
            yield ScaleDiscriminator(channels, groups, SCALE_STRIDES, n, spectral=n == 0)
    else:
        build = ResolutionDiscriminator if kind == "resolutions" else BandDiscriminator
        for n_fft in loss.discriminator_ffts:
            yield build(n_fft, narrow, first)


def _divisible(widths: Sequence[float], groups: Sequence[int]) -> list[int]:
    """Whole numbers of channels, each of which its layer's and the next layer's groups divide."""
    shared = [lcm(*pair) for pair in zip(groups, (*groups[1:], 1), strict=True)]
    return [max(1, round(w / n)) * n for w, n in zip(widths, shared, strict=True)]


def _spectrum(n_fft: int) -> FeatureSpec:
    return FeatureSpec(n_fft=n_fft, win_length=n_fft, hop_length=n_fft // 4)
