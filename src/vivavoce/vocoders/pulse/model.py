"""A source-filter vocoder: pulses and noise, filtered at frame rate, one inverse STFT.

The backbone is that of Vocos (Siuzdak 2023, arXiv:2306.00814); the source is a pulse train whose
pitch a small network reads out of the features (as HiFTNet does, Li 2023, arXiv:2309.09493). With
`free_phase` a third part is Vocos' own: a spectrum whose sizes and phases the network states.
Shapes: B batch, C channels, T frames, F bins, D width, S samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vivavoce.audio import stft
from vivavoce.errors import ConfigError, UsageError
from vivavoce.nn.convolution import ConvNeXtBackbone
from vivavoce.nn.windows import Window, WindowCutter
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Preparation, Vocoder
from vivavoce.vocoders.pulse.config import PulseConfig
from vivavoce.vocoders.pulse.source import PulsePhase, pulses

LOUDEST_LOG = 7.0
NOISE_FRAMES = 509  # the noise repeats after 5.4 s
TYPICAL_HZ = math.exp(5.3)
SLOWEST_HZ, FASTEST_HZ = 50.0, 1000.0
SOURCE_CHANNELS = 4
PITCH_FRAMES = 64  # read at a time: the same numbers however the utterance comes in


class PulseVocoder(Vocoder):
    """Mel `[B, C, T]` to samples `[B, (T - 1) * hop]`: `center` framing only."""

    config_type = PulseConfig
    noise: Tensor

    def __init__(self, config: PulseConfig, spec: FeatureSpec) -> None:
        super().__init__()
        if spec.framing != "center":
            raise ConfigError(
                f"The framing is '{spec.framing}'; the pulse vocoder needs 'center'.",
                "Use framing = 'center'.",
            )
        self.config, self.accepts = config, spec
        c = config
        self.pitch = ConvNeXtBackbone(spec.n_channels, c.pitch_dim, 2 * c.pitch_dim, c.pitch_layers)
        self.pitch_head = nn.Linear(c.pitch_dim, 2)
        self.backbone = ConvNeXtBackbone(spec.n_channels + 2, c.dim, c.hidden_dim, c.n_layers)
        self.n_bins = spec.n_fft // 2 + 1
        self.head = nn.Linear(c.dim, (5 if c.free_phase else 3) * self.n_bins)
        overlapping = -(-spec.n_fft // (2 * spec.hop_length))
        self.receptive_field = max(self.backbone.reach, overlapping) + overlapping
        self.apply(_initialise)
        if c.free_phase:  # all bins in phase at a frame's middle
            with torch.no_grad():
                self.head.bias[4 * self.n_bins :] = torch.pi * (torch.arange(self.n_bins) % 2)
        draws = torch.Generator().manual_seed(0)  # on the CPU, also where weights have no memory
        shape = (NOISE_FRAMES, self.n_bins, 2)
        noise = torch.randn(shape, generator=draws, device="cpu")
        self.register_buffer("noise", noise, persistent=False)

    def pitch_parts(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Log-pitch relative to `TYPICAL_HZ`, and the logit of being voiced, each `[B, T]`."""
        log_pitch, logit = self.pitch_head(self.pitch(features)).unbind(2)
        return log_pitch.float(), logit.float()

    def preparation(self) -> PulsePreparation:
        return PulsePreparation(self)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Also takes what `preparation` gave: then nothing depends on what came before."""
        if condition is not None:
            raise UsageError("This vocoder accepts no speaker condition.")
        if features.shape[1] == self.accepts.n_channels:
            preparation = self.preparation()
            features = torch.cat([*preparation.push(features), *preparation.finish()], 2)
        mel, source = features.split([self.accepts.n_channels, SOURCE_CHANNELS], 1)
        pitch, phase, voiced, number = source.unbind(1)
        noise = self.noise[number.long()]
        periodic, rest = self.filtered(mel, pitch, phase, voiced, noise)
        return self.synthesise(periodic + rest)

    def filtered(
        self, mel: Tensor, pitch: Tensor, phase: Tensor, voiced: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Spectra of the pulses, filtered, and of all the rest: each `[B, F, T, 2]`."""
        known = torch.stack([voiced, (pitch.clamp_min(SLOWEST_HZ) / TYPICAL_HZ).log() * voiced], 1)
        hidden = self.backbone(torch.cat([mel, known.to(mel)], 1))
        with full_precision(hidden):
            shape = self.head(hidden.float()).transpose(1, 2)
            level, angle, rough, *free = shape.split(self.n_bins, 1)
            spec = self.accepts
            wave = pulses(pitch, phase, voiced, spec.hop_length, spec.sample_rate)
            real, imag = stft.stft(wave * (4 / spec.win_length), spec)
            cos, sin = _polar(level, angle)
            periodic = torch.stack([real * cos - imag * sin, real * sin + imag * cos], 3)
            roughness = rough.clamp(max=LOUDEST_LOG).exp()
            rest = noise.transpose(1, 2) * roughness.unsqueeze(3)
            if free:
                rest = rest + torch.stack(_polar(*free), 3)
            return periodic, rest

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """`[B, F, T, 2]` to samples `[B, S]`."""
        with full_precision(spectrum):
            return stft.istft(spectrum[..., 0], spectrum[..., 1], self.accepts)

    def n_samples(self, n_frames: int) -> int:
        return (n_frames - 1) * self.accepts.hop_length


class PulsePreparation(Preparation):
    """Adds pitch, phase, voicing and frame number as four channels.

    The pitch is read in blocks of equal size, so that the numbers do not depend on the parts in
    which an utterance comes.
    """

    def __init__(self, vocoder: PulseVocoder) -> None:
        self.vocoder = vocoder
        spec, reach = vocoder.accepts, vocoder.pitch.reach
        self.cutter = WindowCutter(PITCH_FRAMES + 2 * reach, reach)
        self.track = PulsePhase(spec.hop_length / spec.sample_rate)

    def push(self, part: Tensor) -> Iterator[Tensor]:
        return map(self._with_source, self.cutter.push(part))

    def finish(self) -> Iterator[Tensor]:
        return map(self._with_source, self.cutter.finish())

    def _with_source(self, window: Window) -> Tensor:
        kept = slice(window.start, window.stop)
        log_pitch, logit = self.vocoder.pitch_parts(window.frames)
        pitch = (TYPICAL_HZ * log_pitch[:, kept].exp()).clamp(SLOWEST_HZ, FASTEST_HZ)
        voiced = (logit[:, kept] > 0).to(pitch)
        phase, number = self.track.follow(pitch, voiced)
        source = torch.stack([pitch, phase, voiced, number % NOISE_FRAMES], 1)
        features = window.frames[..., kept]
        return torch.cat([features, source.to(features)], 1)


def _polar(level: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of what has this logarithm of its size, and this angle."""
    size = level.clamp(max=LOUDEST_LOG).exp()
    return size * angle.cos(), size * angle.sin()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
