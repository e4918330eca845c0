"""What the mel of a bare pulse train looks like, by pitch: the decoder shapes it, not invents it.

A voice is a train of pulses through a filter; the harmonics' places in the mel follow from the
pitch alone, so they are looked up in a table and the network learns the filter.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.audio import tables
from vivavoce.types import FeatureSpec

LOWEST_HZ, MIDDLE_HZ, HIGHEST_HZ = 50.0, 200.0, 800.0
STEPS_PER_OCTAVE = 48
MIDDLE_ROW = 2 * STEPS_PER_OCTAVE
HIGHEST_RESOLVED_HZ = 5000.0
FLOOR = 1e-2


class PulseMel(nn.Module):
    """Pitch `[B, T]` in Hz, 0 where unvoiced -> log-mel of unit pulses `[B, T, M]`, else zeros."""

    table: Tensor

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.register_buffer("table", pulse_table(spec), persistent=False)

    def forward(self, pitch: Tensor) -> Tensor:
        voiced = (pitch > 0).unsqueeze(2)
        # from the middle on: small numbers keep more of the digits behind the point
        place = torch.log2(pitch.clamp(LOWEST_HZ, HIGHEST_HZ * 0.999) / MIDDLE_HZ)
        place = place * STEPS_PER_OCTAVE
        low = place.floor()
        part = (place - low).unsqueeze(2)
        row = low.long() + MIDDLE_ROW
        return (self.table[row] * (1 - part) + self.table[row + 1] * part) * voiced


def pulse_table(spec: FeatureSpec) -> Tensor:
    """`[pitches, M]`: each row without its mean. Above `HIGHEST_RESOLVED_HZ` it is zero.

    The spectrum is a sum of the window's main lobes (Hann: `sinc(d) / (1 - d^2)`, d in bins).
    """
    steps = round(math.log2(HIGHEST_HZ / LOWEST_HZ) * STEPS_PER_OCTAVE) + 1
    pitches = LOWEST_HZ * 2 ** (np.arange(steps) / STEPS_PER_OCTAVE)
    bin_hz = spec.sample_rate / spec.n_fft
    bins = np.arange(int(HIGHEST_RESOLVED_HZ / bin_hz))
    filters = tables.mel_filters(spec)[:, : len(bins)]
    resolved = np.asarray(tables.mel_filters(spec))[:, len(bins) :].sum(1) == 0
    rows = np.zeros((steps, spec.n_mels))
    for row, pitch in zip(rows, pitches, strict=True):
        harmonic = np.round(bins * bin_hz / pitch).clip(1)
        distance = np.stack([bins - (harmonic + k) * pitch / bin_hz for k in (-1, 0, 1)])
        distance = np.where(np.abs(distance) < 2, distance, 2.0) * spec.win_length / spec.n_fft
        lobes = np.sinc(distance) / np.where(np.abs(distance) == 1, 2.0, 1 - distance**2)
        lobes = np.where(np.abs(distance) == 1, 0.5, lobes)
        mel = np.log(filters @ np.abs(lobes).sum(0) + FLOOR)
        row[resolved] = mel[resolved] - mel[resolved].mean()
    # named, because weights may be made without memory first
    return torch.tensor(rows, dtype=torch.float32, device="cpu")
