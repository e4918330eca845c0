"""Windows and mel filter banks as numpy tables.

Everything is computed in float64 and cast to float32 by the caller's module, once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import ConfigError
from vivavoce.types import FeatureSpec

SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK_MEL = 15.0
SLANEY_LOG_STEP = np.log(6.4) / 27.0


@lru_cache(maxsize=32)
def window(kind: str, win_length: int, n_fft: int) -> NDArray[np.float64]:
    """Periodic window of `win_length`, zero-padded on both sides to `[n_fft]`. Read-only."""
    if win_length > n_fft:
        raise ConfigError(
            f"The window ({win_length} samples) is longer than the transform ({n_fft}).",
            "Make win_length at most n_fft.",
        )
    offset = {"hann": 0.5, "hamming": 0.54}[kind]
    phase = 2.0 * np.pi * np.arange(win_length) / win_length
    table = np.zeros(n_fft)
    left = (n_fft - win_length) // 2
    table[left : left + win_length] = offset - (1.0 - offset) * np.cos(phase)
    table.setflags(write=False)
    return table


def hz_to_mel(hz: NDArray[np.float64] | float, scale: str) -> NDArray[np.float64]:
    """HTK: 2595 log10(1 + f/700). Slaney (Auditory Toolbox): linear to 1 kHz, then logarithmic."""
    hz = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    above = SLANEY_BREAK_MEL + np.log(np.maximum(hz, 1e-9) / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP
    return np.where(hz < SLANEY_BREAK_HZ, hz * 3.0 / 200.0, above)


def mel_to_hz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """The inverse of `hz_to_mel`."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    above = SLANEY_BREAK_HZ * np.exp(SLANEY_LOG_STEP * (mel - SLANEY_BREAK_MEL))
    return np.where(mel < SLANEY_BREAK_MEL, mel * 200.0 / 3.0, above)


def mel_filters(spec: FeatureSpec) -> NDArray[np.float64]:
    """Triangular filters `[n_mels, n_fft // 2 + 1]`; `slaney` norm gives each unit area in Hz."""
    corners = _corners(spec)
    bins = np.linspace(0.0, spec.sample_rate / 2, spec.n_fft // 2 + 1)
    widths = np.diff(corners)
    rising = (bins - corners[:-2, None]) / widths[:-1, None]
    falling = (corners[2:, None] - bins) / widths[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if spec.mel_norm == "slaney":
        filters *= (2.0 / (corners[2:] - corners[:-2]))[:, None]
    return filters


def _corners(spec: FeatureSpec) -> NDArray[np.float64]:
    """Where the triangles begin, peak and end, Hz, `[n_mels + 2]`.

    The HTK ones are rounded to single precision at each step: the published networks of that scale
    were trained on filters made so, and in quiet bands the difference reaches 4e-5 of log mel.
    """
    low, high = hz_to_mel(
        np.array([spec.f_min, spec.f_max or spec.sample_rate / 2]), spec.mel_scale
    )
    count = spec.n_mels + 2
    if spec.mel_scale == "slaney":
        return mel_to_hz(np.linspace(low, high, count), "slaney")
    low, high = np.float32(low), np.float32(high)
    step = np.float64((high - low) / np.float32(count - 1))
    index = np.arange(count)
    rising, falling = low + step * index, high - step * (count - 1 - index)
    mels = np.where(index < count // 2, rising, falling).astype(np.float32)
    powers = (10.0 ** (mels / np.float32(2595.0)).astype(np.float64)).astype(np.float32)
    return (np.float32(700.0) * (powers - np.float32(1.0))).astype(np.float64)
