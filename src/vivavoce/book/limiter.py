"""Peaks brought below a ceiling without touching what is quieter. Knows samples, no books."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import from_db, to_db
from vivavoce.audio.resample import resample

REACH_S = 0.02
"""The gain begins to fall so long before a peak, and is back so long after it."""

OVERSAMPLED = 4
"""Between samples a wave may be higher than at them (ITU-R BS.1770-4, annex 2)."""


def limited(
    samples: NDArray[np.float32], sample_rate: int, ceiling_db: float
) -> tuple[NDArray[np.float32], float]:
    """`[S]` with no peak above `ceiling_db` (true peak), and the largest reduction in dB.

    The gain is the smallest that is needed within reach, smoothed by a window of that length: so
    it is never more than what a peak needs, and it has no steps.
    """
    ceiling = from_db(ceiling_db)
    peaks = true_peaks(samples, sample_rate)
    if not len(peaks) or peaks.max() <= ceiling:
        return samples, 0.0
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-12))
    reach = max(1, round(REACH_S * sample_rate))
    gain = _smoothed(_lowest(needed, reach), reach)
    return samples * gain.astype(np.float32), -to_db(float(gain.min()))


def true_peaks(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """The largest magnitude around each sample, `[S]`."""
    plain = np.abs(samples).astype(np.float64)
    dense = np.abs(resample(samples, sample_rate, OVERSAMPLED * sample_rate))
    whole = min(len(plain), len(dense) // OVERSAMPLED)
    between = dense[: whole * OVERSAMPLED].reshape(whole, OVERSAMPLED).max(axis=1)
    plain[:whole] = np.maximum(plain[:whole], between)
    plain[1:whole] = np.maximum(plain[1:whole], between[: whole - 1])
    return plain


def _lowest(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The smallest of the values up to `reach` before and behind each."""
    padded = np.pad(values, reach, constant_values=1.0)
    width, found = 1, padded
    while width < 2 * reach + 1:
        step = min(width, 2 * reach + 1 - width)
        found = np.minimum(found[: len(found) - step], found[step:])
        width += step
    return found


def _smoothed(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Averages over `2 reach + 1` values, weighted as a triangle is high."""
    width = reach + 1
    padded = np.pad(values, reach, mode="edge")
    for _ in range(2):
        total = np.concatenate([[0.0], np.cumsum(padded)])
        padded = (total[width:] - total[:-width]) / width
    return padded
