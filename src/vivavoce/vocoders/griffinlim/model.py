"""Griffin-Lim (1984), in the fast variant of Perraudin, Balazs and Soendergaard (2013).

Shapes: B batch, C channels, F bins, T frames, S samples.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio import stft, tables
from vivavoce.audio.features import denormalise
from vivavoce.audio.specs import COQUI_22K
from vivavoce.errors import ConfigError
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.drawn import NoisyVocoder
from vivavoce.vocoders.griffinlim.config import GriffinLimConfig

SMALLEST = 1e-10


class GriffinLim(NoisyVocoder):
    """Features `[B, C, T]` to samples `[B, S]`; S as the inverse transform of `spec` gives.

    The phases begin at random and come from the overlap of neighbouring frames. Raises ConfigError
    for features that are no spectrum, and where the frames overlap so far that no window would do.
    """

    config_type = GriffinLimConfig
    default_features = COQUI_22K
    fits_any = True
    inverse: Tensor
    emphasis: Tensor

    def __init__(self, config: GriffinLimConfig, spec: FeatureSpec) -> None:
        super().__init__()
        if spec.kind == "latent":
            raise ConfigError(
                "Griffin-Lim needs a spectrum, and these features are learned.",
                "Use the model's own vocoder.",
            )
        self.config, self.accepts = config, spec
        self.noise_channels = spec.n_fft // 2 + 1
        overlapping = -(-spec.n_fft // spec.hop_length) - 1
        self.receptive_field = overlapping * (config.iterations + 1)
        if self.window_frames <= 2 * self.receptive_field:
            raise ConfigError(
                f"{config.iterations} iterations over frames of {spec.n_fft} samples every "
                f"{spec.hop_length} are too many to work in windows.",
                "Lower `iterations`.",
            )
        filters = tables.mel_filters(spec) if spec.kind == "mel" else np.eye(self.noise_channels)
        turn = np.exp(-1j * np.pi * np.arange(self.noise_channels) / (self.noise_channels - 1))
        emphasis = np.abs(1 - spec.preemphasis * turn)[:, None]
        # named, because modules may be made without memory first
        for name, table in (("inverse", np.linalg.pinv(filters)), ("emphasis", emphasis)):
            values = torch.tensor(table, dtype=torch.float32, device="cpu")
            self.register_buffer(name, values, persistent=False)

    def n_samples(self, n_frames: int) -> int:
        hop = self.accepts.hop_length
        return (n_frames - 1 if self.accepts.framing == "center" else n_frames) * hop

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        values, noise = self.parts(features, condition)
        with full_precision(values):
            return self.from_magnitudes(self.magnitudes(values.float()), noise.float() * np.pi)

    def magnitudes(self, values: Tensor) -> Tensor:
        """Features `[B, C, T]` to the magnitudes `[B, F, T]` that they may have been made of."""
        spec = self.accepts
        if spec.normalisation is not None:
            values = denormalise(values, spec.normalisation)
        if spec.log is not None:
            values = values.exp() if spec.log == "ln" else 10**values
        linear = (self.inverse @ values).clamp_min(SMALLEST) ** (1 / spec.power)
        return linear**self.config.sharpening / self.emphasis

    def from_magnitudes(self, magnitudes: Tensor, phases: Tensor) -> Tensor:
        """Samples `[B, S]` from magnitudes and first phases in radians, each `[B, F, T]`."""
        spec = replace(self.accepts, pad_mode="constant")
        keep = self.config.momentum / (1 + self.config.momentum)
        cos, sin = phases.cos(), phases.sin()
        before: tuple[Tensor, Tensor] | None = None
        for _ in range(self.config.iterations):
            found = stft.stft(stft.istft(magnitudes * cos, magnitudes * sin, spec), spec)
            cos, sin = found
            if before is not None:
                cos, sin = cos - keep * before[0], sin - keep * before[1]
            length = (cos.square() + sin.square()).sqrt().clamp_min(SMALLEST)
            cos, sin, before = cos / length, sin / length, found
        return stft.istft(magnitudes * cos, magnitudes * sin, spec)
