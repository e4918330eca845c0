"""The one mel and spectrum implementation, driven by a FeatureSpec."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio import stft, tables
from vivavoce.errors import ConfigError
from vivavoce.types import FeatureSpec, Normalisation

BLOCK_FRAMES = 4096
"""Frames transformed at a time: bounds memory on long audio, changes values by rounding only."""


class FeatureExtractor(nn.Module):
    """Samples `[B, S]` in [-1, 1] to features `[B, C, T]` as `spec` describes.

    Differentiable, also where the signal is zero. Every row is a whole signal: zeros that fill up a
    shorter one change its last frames, so signals of different lengths go in one by one.
    Raises AudioError when there are too few samples for one frame, ConfigError for a latent spec.
    `dtype` float64 (CPU only) is for measuring: in bins 80 dB below the loudest the rounding of
    float32 transforms reaches 0.003 dB, in mels it stays below 1e-5 of the logarithm.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, spec: FeatureSpec, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        if spec.kind == "latent":
            raise ConfigError("Latents are not computed from audio.", "Use the model's own.")
        self.spec = spec
        shape = tables.window(spec.window, spec.win_length, spec.n_fft)
        filters = tables.mel_filters(spec) if spec.kind == "mel" else np.zeros((0, 0))
        for name, table in (("window", shape), ("filters", filters)):
            self.register_buffer(name, torch.tensor(table, dtype=dtype), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        spec = self.spec
        if spec.preemphasis:
            samples = preemphasise(samples, spec.preemphasis)
        padded = stft.pad(samples, spec)
        n_frames = (padded.shape[-1] - spec.n_fft) // spec.hop_length + 1
        blocks = []
        for first in range(0, n_frames, BLOCK_FRAMES):
            last = min(first + BLOCK_FRAMES, n_frames) - 1
            span = slice(first * spec.hop_length, last * spec.hop_length + spec.n_fft)
            blocks.append(self._frames(padded[..., span]))
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=-1)

    def _frames(self, padded: Tensor) -> Tensor:
        """Padded samples to features, frame by frame independent of one another."""
        spec = self.spec
        values = _raise_to_power(stft.transform(padded, spec, self.window), spec)
        if spec.kind == "mel":
            values = self.filters @ values
        if spec.log is not None:
            values = values.clamp(min=spec.clamp) + spec.log_offset
            values = values.log() if spec.log == "ln" else values.log10()
        return values if spec.normalisation is None else normalise(values, spec.normalisation)


def _raise_to_power(spectrum: Tensor, spec: FeatureSpec) -> Tensor:
    """`abs` has a gradient at zero, the square root has none: it is taken only over a floor."""
    if spec.magnitude_floor == 0.0 and spec.power != 2.0:
        magnitude = spectrum.abs()
    else:
        energy = torch.view_as_real(spectrum).square().sum(-1) + spec.magnitude_floor
        if spec.power == 2.0:
            return energy
        magnitude = energy.sqrt()
    return magnitude if spec.power == 1.0 else magnitude**spec.power


def extract(samples: Tensor, spec: FeatureSpec) -> Tensor:
    """Features `[B, C, T]` of `[B, S]` in one go. For repeated use keep a FeatureExtractor."""
    return FeatureExtractor(spec, samples.dtype).to(samples.device)(samples)


def preemphasise(samples: Tensor, coefficient: float) -> Tensor:
    """`y[n] = x[n] - c x[n-1]` over `[B, S]`, with `x[1]` standing in for `x[-1]`.

    A subtraction, not a convolution: the length of the signal has no limit on any device.
    """
    before = torch.cat([samples[..., 1:2], samples[..., :-1]], dim=-1)
    return samples - coefficient * before


def _statistics(norm: Normalisation, values: Tensor) -> tuple[Tensor, Tensor] | None:
    """Mean and deviation per band, `[C, 1]`, where the normalisation is by statistics."""
    if norm.stats is None:
        return None
    mean, deviation = (torch.tensor(s, dtype=torch.float32).to(values)[:, None] for s in norm.stats)
    if len(mean) != values.shape[-2] or len(deviation) != values.shape[-2]:
        raise ConfigError(
            f"The statistics hold {len(mean)} bands, the features {values.shape[-2]}.",
            "Use the statistics file that came with the model.",
        )
    return mean, deviation


def normalise(values: Tensor, norm: Normalisation) -> Tensor:
    """Logarithmic spectrum `[..., C, T]` to the network's range (Coqui's AudioProcessor).

    `gain` turns the logarithm into decibels. Then statistics per band, or min_level_db..0 onto
    [-max_norm, max_norm] (symmetric) or [0, max_norm], after taking ref_level_db off.
    """
    db = values * norm.gain
    if not norm.signal_norm:
        return db
    statistics = _statistics(norm, db)
    if statistics is not None:
        return (db - statistics[0]) / statistics[1]
    unit = (db - norm.ref_level_db - norm.min_level_db) / -norm.min_level_db
    low, high = _limits(norm)
    scaled = unit * (high - low) + low
    return scaled.clamp(low, high) if norm.clip else scaled


def denormalise(values: Tensor, norm: Normalisation) -> Tensor:
    """The inverse of `normalise`, back to the logarithm: exact but for what was clipped."""
    if not norm.signal_norm:
        return values / norm.gain
    statistics = _statistics(norm, values)
    if statistics is not None:
        return (values * statistics[1] + statistics[0]) / norm.gain
    low, high = _limits(norm)
    scaled = values.clamp(low, high) if norm.clip else values
    unit = (scaled - low) / (high - low)
    return (unit * -norm.min_level_db + norm.min_level_db + norm.ref_level_db) / norm.gain


def _limits(norm: Normalisation) -> tuple[float, float]:
    return (-norm.max_norm if norm.symmetric else 0.0), norm.max_norm


USUAL = ("normalisation",)
AS_PUBLISHED = (*USUAL, "sample_rate", "f_min", "f_max", "preemphasis")
"""Fields that may differ between a model and its vocoder; the second list for published pairs."""


def convert(
    features: Tensor, have: FeatureSpec, want: FeatureSpec, as_published: bool = False
) -> Tensor:
    """Features `[B, C, T]` of one spec as the other means them: only `normalisation` may differ.

    `as_published` does what Coqui does for pairs that it released although more differs: where the
    sample rates do, the frames are stretched in time by their ratio, and bands stay what they are.
    Raises IncompatibleFeatures, naming each other field that differs.
    """
    have.require(want, ignore=AS_PUBLISHED if as_published else USUAL)
    if have.normalisation != want.normalisation:
        if have.normalisation is not None:
            features = denormalise(features, have.normalisation)
        if want.normalisation is not None:
            features = normalise(features, want.normalisation)
    return features if have.sample_rate == want.sample_rate else _stretched(features, have, want)


def _stretched(features: Tensor, have: FeatureSpec, want: FeatureSpec) -> Tensor:
    bands, frames = features.shape[-2:]
    size = bands, max(1, int(frames * want.sample_rate / have.sample_rate))
    return F.interpolate(features.unsqueeze(1), size, mode="bilinear").squeeze(1)
