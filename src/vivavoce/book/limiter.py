"""Peaks brought below a ceiling without touching what is quieter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import from_db, to_db
from vivavoce.audio.resample import resample

REACH_S = 0.02
"""The gain begins to fall so long before a peak, and is back so long after it."""

OVERSAMPLED = 4
"""Between samples a wave may be higher than at them (ITU-R BS.1770-4, annex 2)."""

BETWEEN_DB = 3.0
"""By so much at most, as a sine of a quarter of the rate is."""


def limited(
    samples: NDArray[np.float32], sample_rate: int, ceiling_db: float
) -> tuple[NDArray[np.float32], float]:
    """`[S]` with no peak above `ceiling_db` (true peak), and the largest reduction in dB.

    The gain is the smallest that is needed within reach, smoothed by a window of that length: so
    it is never more than what a peak needs, and it has no steps. Only the stretches around loud
    samples are computed: most of a book has none.
    """
    ceiling, reach = from_db(ceiling_db), max(1, round(REACH_S * sample_rate))
    found, lowest = samples, 1.0
    for start, stop in _loud(samples, from_db(ceiling_db - BETWEEN_DB), 3 * reach):
        peaks = true_peaks(samples[start:stop], sample_rate)
        if peaks.max() <= ceiling:
            continue
        needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-12))
        gain = _smoothed(_lowest(needed, reach), reach)
        found = samples.copy() if found is samples else found
        found[start:stop] *= gain.astype(np.float32)
        lowest = min(lowest, float(gain.min()))
    return found, max(0.0, -to_db(lowest))


def _loud(samples: NDArray[np.float32], level: float, around: int) -> Iterator[tuple[int, int]]:
    """Stretches with what is above `level`, and so many samples before and behind it."""
    places = np.flatnonzero(np.abs(samples) > level)
    if not len(places):
        return
    for group in np.split(places, np.flatnonzero(np.diff(places) > 2 * around) + 1):
        yield max(0, int(group[0]) - around), min(len(samples), int(group[-1]) + around + 1)


def true_peaks(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """The largest magnitude around each sample, `[S]`."""
    plain = np.abs(samples).astype(np.float64)
    dense = np.abs(resample(samples, sample_rate, OVERSAMPLED * sample_rate))
    whole = min(len(plain), len(dense) // OVERSAMPLED)
    columns = dense[: whole * OVERSAMPLED].reshape(whole, OVERSAMPLED)
    between = np.maximum.reduce([columns[:, place] for place in range(OVERSAMPLED)])
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
