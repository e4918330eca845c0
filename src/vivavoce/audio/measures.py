"""Numbers that tell speech from noise, tones and clipped sound. No torch, no thresholds.

All are taken over frames of 40 ms every 20 ms; of long audio, over frames spread evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.04
STEP_S = 0.02
MOST_FRAMES = 750
ACTIVE_DB = -30.0
"""Frames up to this far below the loudest are looked at."""

LOWEST_HZ, HIGHEST_HZ = 100.0, 7000.0
N_BANDS = 16
AT_PEAK = 0.995


@dataclass(frozen=True)
class Measures:
    """`n_frames` active frames were looked at; with fewer than ten the others mean little.

    `movement_db`: how much the spectrum changes from frame to frame, whatever the level does
    (standard deviation of each of 16 bands against their mean, averaged). `tone_share`: part of
    the energy that lies in one spectral line, 0..1, median over frames. `flatness`: geometric over
    arithmetic mean of the spectrum, 1 for white noise. `spread_db`: from the quiet tenth of all
    frames to the loudest twentieth. `crest_db`: peak over the RMS of the loudest frames.
    """

    n_frames: int
    movement_db: float
    tone_share: float
    flatness: float
    spread_db: float
    crest_db: float


def measure(samples: NDArray[np.float32], sample_rate: int) -> Measures:
    """Of `[S]` without offset, one frame long at least; silence gives zeros."""
    frames = _frames(samples, sample_rate)
    energies = np.mean(np.square(frames), axis=1)
    loud = float(np.percentile(energies, 95)) if len(energies) else 0.0
    if loud <= 0.0:
        return Measures(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    active = frames[energies >= loud * 10 ** (ACTIVE_DB / 10)]
    power, hz = _power(active, sample_rate)
    level = 10 * np.log10(energies + loud * 1e-9)
    peak = float(np.percentile(np.abs(samples), 99.95))
    return Measures(
        len(active),
        _movement_db(power, hz),
        float(np.median(_tone_shares(power))),
        float(np.median(np.exp(np.mean(np.log(power), axis=1)) / np.mean(power, axis=1))),
        float(np.percentile(level, 95) - np.percentile(level, 10)),
        float(10 * np.log10(max(peak, 1e-9) ** 2 / loud)),
    )


def clipped_share(samples: NDArray[np.float32]) -> float:
    """Part of `[S]` that lies, two or more in a row, within half a percent of the largest, 0..1."""
    size = np.abs(samples)
    top = size >= AT_PEAK * size.max(initial=0.0)
    return float(np.mean(top[1:] & top[:-1])) if len(samples) > 1 else 0.0


def _frames(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """`[N, frame]`, at most `MOST_FRAMES` of them."""
    size, step = round(FRAME_S * sample_rate), round(STEP_S * sample_rate)
    if len(samples) < size:
        return np.zeros((0, size))
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[::step]
    every = -(-len(windows) // MOST_FRAMES)
    return windows[::every].astype(np.float64)


def _power(
    frames: NDArray[np.float64], sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power spectra `[N, K]` between the lowest and the highest frequency of speech, and Hz."""
    n = frames.shape[1]
    hz = np.arange(n // 2 + 1) * (sample_rate / n)
    kept = (hz >= LOWEST_HZ) & (hz < min(HIGHEST_HZ, 0.45 * sample_rate))
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(n), axis=1)))[:, kept]
    return power + power.max(initial=0.0) * 1e-12 + 1e-30, hz[kept]


def _movement_db(power: NDArray[np.float64], hz: NDArray[np.float64]) -> float:
    edges = np.searchsorted(hz, np.geomspace(hz[0], hz[-1], N_BANDS + 1)[:-1])
    bands = np.add.reduceat(power, np.unique(edges), axis=1)
    level = 10 * np.log10(bands)
    return float(np.mean(np.std(level - level.mean(axis=1, keepdims=True), axis=0)))


def _tone_shares(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the strongest line in each frame's energy; the window spreads it over five bins."""
    padded = np.pad(power, ((0, 0), (2, 2)))
    lines = sum(padded[:, k : k + power.shape[1]] for k in range(5))
    return np.max(lines, axis=1) / np.sum(power, axis=1)
