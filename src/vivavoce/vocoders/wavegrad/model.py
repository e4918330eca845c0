"""WaveGrad (Chen 2020, arXiv:2009.00713): a network that names the noise in a signal, many times.

Shapes: B batch, C channels, T frames, S samples; signals inside are `[B, C, 1, S]`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.specs import COQUI_22K
from vivavoce.nn.convolution import Conv, laid_out
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import require_hop
from vivavoce.vocoders.wavegrad.config import WavegradConfig
from vivavoce.vocoders.whole import WholeVocoder

SLOPE = 0.2
LEVEL_SCALE = 5000.0


class DownBlock(nn.Module):
    """Every so many-th step, through three convolutions (appendix A)."""

    def __init__(self, width_in: int, width: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.shortcut = Conv(width_in, width, 1)
        widths = (width_in, width, width)
        self.layers = nn.ModuleList(Conv(w, width, 3, 2**n) for n, w in enumerate(widths))

    def forward(self, x: Tensor) -> Tensor:
        x = y = x[..., :: self.rate]
        for layer in self.layers:
            y = layer(F.leaky_relu(y, SLOPE))
        return y + self.shortcut(x)


class Modulation(nn.Module):
    """What the noisy signal adds to and multiplies a block of the mel's way with (section 3.2)."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.first = Conv(width_in, width_in, 3)
        self.last = Conv(width_in, 2 * width, 3)

    def forward(self, x: Tensor, level: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """`level` tells how little noise there is, `start` the number of the first step."""
        x = F.leaky_relu(self.first(x), SLOPE)
        shift, scale = self.last(x + level + places(x, start) / LEVEL_SCALE).chunk(2, 1)
        return shift, scale


class UpBlock(nn.Module):
    """Each step several times, through four modulated convolutions (appendix A)."""

    def __init__(self, width_in: int, width: int, rate: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.rate = rate
        self.shortcut = Conv(width_in, width, 1)
        widths = (width_in, width, width, width)
        self.layers = nn.ModuleList(
            Conv(w, width, 3, d) for w, d in zip(widths, dilations, strict=True)
        )

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        x = x.unsqueeze(4).expand(-1, -1, -1, -1, self.rate).flatten(3)
        y = self.layers[0](F.leaky_relu(x, SLOPE))
        y = self.layers[1](F.leaky_relu(shift + scale * y, SLOPE))
        x = y = self.shortcut(x) + y
        for layer in list(self.layers)[2:]:
            y = layer(F.leaky_relu(shift + scale * y, SLOPE))
        return x + y


class Wavegrad(WholeVocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1]; every step sees the whole.

    Raises ConfigError when the rates do not make the hop of `spec`.
    """

    config_type = WavegradConfig
    default_features = COQUI_22K

    def __init__(self, config: WavegradConfig, spec: FeatureSpec) -> None:
        super().__init__()
        require_hop("WaveGrad", config.hop_length, spec)
        c = config
        self.config, self.accepts = config, spec
        self.signal = Conv(1, c.signal_width, 5)
        self.mel = Conv(spec.n_channels, c.mel_width, 3)
        inward, ways = (c.signal_width, *c.down), zip(c.down, reversed(c.rates), strict=False)
        self.down = nn.ModuleList(DownBlock(w, *way) for w, way in zip(inward, ways, strict=False))
        modulated = zip(inward, reversed(c.up), strict=True)
        self.modulations = nn.ModuleList(Modulation(*widths) for widths in modulated)
        ways = zip((c.mel_width, *c.up), c.up, c.rates, c.dilations, strict=False)
        self.up = nn.ModuleList(UpBlock(*way) for way in ways)
        self.last = Conv(c.up[-1], 1, 3)

    def synthesise(self, features: Tensor) -> Tensor:
        count = features.shape[2] * self.accepts.hop_length
        return self.refine(features, draws(len(features), count))

    def refine(self, mel: Tensor, noise: Iterator[Tensor], beta: Tensor | None = None) -> Tensor:
        """Mel `[B, C, T]` and a step's noise after another, `[B, S]`, to samples (algorithm 2).

        `beta` is what each step adds; by default as the configuration says. What is left of the
        signal is rounded to single precision, as in the reference: 6 % of the first step.
        """
        c = self.config
        added = np.linspace(c.least_noise, c.most_noise, c.steps)
        if beta is not None:
            added = beta.double().numpy()
        left = (1 - added).astype(np.float32)
        kept = (1 - added).cumprod().astype(np.float32)
        samples = next(noise).to(mel)
        for n in reversed(range(len(added))):
            level = float(np.sqrt(kept[n]))
            share = float((1 - left[n]) / np.sqrt(1 - kept[n]))
            error = self.named_noise(samples, mel, level)
            samples = (samples - share * error) / float(np.sqrt(left[n]))
            if n:
                spread = float(np.sqrt(added[n] * (1 - kept[n - 1]) / (1 - kept[n])))
                samples = samples + spread * next(noise).to(mel)
            samples = samples.clamp(-1, 1)
        return samples.float()

    def named_noise(self, samples: Tensor, mel: Tensor, level: float) -> Tensor:
        """The noise `[B, S]` in samples `[B, S]`, a window at a time: as one pass over all."""
        hop, reach, size = self.accepts.hop_length, self.config.reach(), self.window_frames
        kept = size - 2 * reach
        parts = []
        for start in range(0, mel.shape[2], kept):
            first, stop = max(0, start - reach), start + kept
            last = min(mel.shape[2], stop + reach)
            found = self(samples[:, first * hop : last * hop], mel[..., first:last], level, first)
            parts.append(found[:, (start - first) * hop : (stop - first) * hop])
        return torch.cat(parts, 1)

    def forward(self, samples: Tensor, mel: Tensor, level: float, first: int = 0) -> Tensor:
        """One pass: `level` is the root of the share of the signal, `first` the first frame."""
        place = first * self.accepts.hop_length
        known = torch.tensor(level, device=mel.device, dtype=mel.dtype)
        y = self.signal(samples[:, None, None])
        told = [self.modulations[0](y, known, place)]
        rates, later = reversed(self.config.rates), list(self.modulations)[1:]
        for block, rate, modulation in zip(self.down, rates, later, strict=False):
            y, place = block(y), place // rate
            told.append(modulation(y, known, place))
        x = self.mel(laid_out(mel))
        for block, way in zip(self.up, reversed(told), strict=True):
            x = block(x, *way)
        return self.last(x)[:, 0, 0]


def draws(rows: int, count: int) -> Iterator[Tensor]:
    """Noise `[B, S]`, the same for every row and utterance, drawn on the CPU."""
    generator = torch.Generator().manual_seed(0)
    while True:
        yield torch.randn(count, generator=generator).expand(rows, -1)


def places(x: Tensor, start: int) -> Tensor:
    """Sinusoids `[C, 1, S]` that tell a step's number, from `start` on."""
    width = x.shape[1]
    steps = torch.arange(start, start + x.shape[3], device=x.device, dtype=x.dtype)
    even = torch.arange(0, width, 2, device=x.device, dtype=x.dtype)
    angles = steps / (10_000 ** (even / width))[:, None]
    return torch.stack([angles.sin(), angles.cos()], 1).flatten(0, 1)[:width].unsqueeze(1)
