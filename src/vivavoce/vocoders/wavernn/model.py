"""WaveRNN (Kalchbrenner 2018, arXiv:1802.08435) in the form of fatchord, which Coqui has.

Shapes: C channels, T frames, S samples, F parts side by side, n steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.specs import COQUI_22K
from vivavoce.nn.convolution import laid_out
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import require_hop
from vivavoce.vocoders.smoothing import Smoothing
from vivavoce.vocoders.wavernn.config import WavernnConfig
from vivavoce.vocoders.wavernn.track import SampleTrack, between
from vivavoce.vocoders.whole import WholeVocoder

STEPS_AT_ONCE = 512
"""Conditions are prepared, and numbers drawn, for so many steps."""
FADE_FRAMES = 20
LINE_GAIN = 0.045
LEAST_LOG_SCALE = math.log(1e-14)
FEWEST = 1e-5

Draws = Callable[[int], Tensor]
"""A number of steps n to uniform numbers `[n, F, K]`, for the next steps."""


class HintBlock(nn.Module):
    """Two convolutions of one tap beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(width, width, 1), nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(self.first(x).relu())


class HintNetwork(nn.Module):
    """`[1, C, T + 2 context]` to `[1, hints, T]`: what surrounds each frame."""

    def __init__(self, config: WavernnConfig, n_channels: int) -> None:
        super().__init__()
        c = config
        self.first = nn.Conv1d(n_channels, c.hint_width, 2 * c.context + 1)
        self.blocks = nn.Sequential(*(HintBlock(c.hint_width) for _ in range(c.hint_blocks)))
        self.last = nn.Conv1d(c.hint_width, c.hints, 1)

    def forward(self, mel: Tensor) -> Tensor:
        return self.last(self.blocks(self.first(mel).relu()))


class Wavernn(WholeVocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1], one step a sample.

    The last frames fade out and the very last one is silent. Raises ConfigError when the rates do
    not make the hop of `spec`.
    """

    config_type = WavernnConfig
    default_features = COQUI_22K

    def __init__(self, config: WavernnConfig, spec: FeatureSpec) -> None:
        super().__init__()
        require_hop("WaveRNN", config.hop_length, spec)
        self.config, self.accepts = config, spec
        c, part = config, config.hints // 4
        self.smoothing = Smoothing(c.rates) if c.smoothed else None
        self.hints = HintNetwork(c, spec.n_channels) if c.hints else None
        self.inwards = nn.Linear(1 + spec.n_channels + part, c.width)
        self.recurrent_1 = nn.GRUCell(c.width, c.width)
        self.recurrent_2 = nn.GRUCell(c.width + part, c.width)
        self.hidden_1 = nn.Linear(c.width + part, c.inner)
        self.hidden_2 = nn.Linear(c.inner + part, c.inner)
        self.output = nn.Linear(c.inner, c.classes)

    def synthesise(self, features: Tensor) -> Tensor:
        """Every row alone, each with the same numbers."""
        return torch.stack([self.speak(row, uniform(self.config)) for row in features])

    def speak(self, mel: Tensor, draws: Callable[[int], Draws]) -> Tensor:
        """Mel `[C, T]` to samples `[T * hop]`; `draws` gives the numbers for so many parts."""
        hop, frames = self.config.hop_length, mel.shape[1]
        starts, length = self.config.parts(frames * hop)
        made = self.steps(self.tracks(mel), starts, length, frames * hop, draws(len(starts)))
        return faded(self.joined(made, starts, frames * hop).float(), hop)

    def tracks(self, mel: Tensor) -> tuple[SampleTrack, ...]:
        """What the mel `[C, T]` tells of each sample: upsampled, and the hints."""
        c, frames = self.config, mel.shape[1]
        seen = F.pad(mel, (c.context, c.context))
        hop, around = c.hop_length, c.context * c.hop_length
        if self.smoothing is not None:
            upsampled = SampleTrack(self.upsampled(mel).t())
        else:
            upsampled = between(LINE_GAIN * seen.t(), seen.shape[1] * hop, around)
        if self.hints is None:
            return (upsampled,)
        hints = self.hints(seen[None])[0].t()
        return upsampled, SampleTrack(hints, samples=hop) if c.smoothed else between(
            hints, frames * hop, 0
        )

    def upsampled(self, mel: Tensor) -> Tensor:
        """`[C, T]` to `[C, T * hop]`, a window at a time: a sample knows two frames around it."""
        assert self.smoothing is not None
        hop, reach, frames = self.config.hop_length, 2, mel.shape[1]
        padded, kept = F.pad(mel, (reach, reach)), self.window_frames - 2 * reach
        parts = []
        for start in range(0, frames, kept):
            window = padded[:, start : start + kept + 2 * reach]
            found = self.smoothing(laid_out(window[None]))[0, :, 0]
            parts.append(found[:, reach * hop : -reach * hop])
        return torch.cat(parts, 1)

    def steps(
        self, tracks: Sequence[SampleTrack], starts: range, length: int, total: int, draws: Draws
    ) -> Tensor:
        """Samples `[F, length]` of parts that begin at `starts`; past `total` nothing is known."""
        like = tracks[0].values
        first = torch.tensor(starts, device=like.device)[:, None]
        sample, states = like.new_zeros(len(first), 1), self.start(len(first), like)
        made = []
        for begin in range(0, length, STEPS_AT_ONCE):
            end = min(begin + STEPS_AT_ONCE, length)
            places = first + torch.arange(begin, end, device=like.device)
            known = (places < total).to(like.dtype).unsqueeze(-1)
            told = torch.cat([track.at(places) for track in tracks], -1) * known
            numbers = draws(places.shape[1]).to(like)
            for step in range(places.shape[1]):
                found, states = self(sample, told[:, step], states)
                sample = self.drawn(found, numbers[step])
                made.append(sample)
        return torch.cat(made, 1)

    def start(self, parts: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """The states of both recurrent layers before the first sample."""
        nothing = like.new_zeros(parts, self.config.width)
        return nothing, nothing

    def forward(
        self, sample: Tensor, told: Tensor, states: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The last sample `[F, 1]` and what the mel tells `[F, C + hints]` to `[F, classes]`."""
        quarter = self.config.hints // 4
        mel, *hints = told.split([self.accepts.n_channels, *4 * [quarter]], 1)
        x = self.inwards(torch.cat([sample, mel, hints[0]], 1))
        one = self.recurrent_1(x, states[0])
        x = x + one
        other = self.recurrent_2(torch.cat([x, hints[1]], 1), states[1])
        x = x + other
        x = self.hidden_1(torch.cat([x, hints[2]], 1)).relu()
        x = self.hidden_2(torch.cat([x, hints[3]], 1)).relu()
        return self.output(x), (one, other)

    def drawn(self, found: Tensor, numbers: Tensor) -> Tensor:
        """A sample `[F, 1]` from what the network gives and uniform numbers `[F, K]`."""
        c = self.config
        if c.bits:
            place = (found.softmax(1).cumsum(1) < numbers).sum(1, keepdim=True)
            return 2 * place.clamp(max=c.classes - 1) / (c.classes - 1) - 1.0
        weights, means, scales = found.chunk(3, 1)
        chosen, spread = numbers.clamp(FEWEST, 1 - FEWEST).split([c.mixtures, 1], 1)
        one = (weights - (-chosen.log()).log()).argmax(1, keepdim=True)
        scale = scales.gather(1, one).clamp_min(LEAST_LOG_SCALE).exp()
        return (means.gather(1, one) + scale * (spread.log() - (1 - spread).log())).clamp(-1, 1)

    def joined(self, made: Tensor, starts: range, total: int) -> Tensor:
        """Parts `[F, length]`, one after another with fades of equal power, as `[total]`."""
        c = self.config
        if len(starts) > 1 and c.overlap:
            quiet = c.overlap // 2  # while the states warm up
            ramp = torch.linspace(0, 1, c.overlap - quiet, device=made.device).sqrt()
            made = made.clone()
            made[:, : c.overlap] *= F.pad(ramp, (quiet, 0))
            made[:, -c.overlap :] *= F.pad(ramp.flip(0), (0, quiet))
        result = made.new_zeros(starts[-1] + made.shape[1])
        for start, part in zip(starts, made, strict=True):
            result[start : start + len(part)] += part
        if c.bits and c.mu_law:
            result = result.sign() * ((2**c.bits) ** result.abs() - 1) / (2**c.bits - 1)
        return result[:total]


def uniform(config: WavernnConfig) -> Callable[[int], Draws]:
    """Numbers drawn on the CPU, the same for every utterance of a length."""
    generator = torch.Generator().manual_seed(0)
    width = 1 if config.bits else config.mixtures + 1
    return lambda parts: lambda steps: torch.rand(steps, parts, width, generator=generator)


def faded(samples: Tensor, hop: int) -> Tensor:
    """Samples `[S]` without the last frame, and faded out before it."""
    length, fade = len(samples) - hop, FADE_FRAMES * hop
    kept = samples[:length].clone()
    if length > fade:
        kept[-fade:] *= torch.linspace(1, 0, fade, device=samples.device)
    return F.pad(kept, (0, hop))
