"""Peaks below a ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.audio.loudness import from_db
from vivavoce.audio.resample import resample
from vivavoce.book.limiter import REACH_S, limited

RATE = 22050


def tone(peak: float) -> np.ndarray:
    t = np.arange(RATE) / RATE
    return (0.1 * np.sin(2 * np.pi * 220 * t)).astype(np.float32) + np.where(
        abs(t - 0.5) < 0.01, peak * np.sin(2 * np.pi * 5000 * t), 0
    ).astype(np.float32)


def test_what_is_quiet_stays_as_it_is():
    samples = tone(0.0)
    found, reduced_db = limited(samples, RATE, -3.0)
    assert found is samples
    assert reduced_db == 0.0


def test_a_peak_comes_below_the_ceiling_and_the_rest_stays():
    samples = tone(0.9)
    found, reduced_db = limited(samples, RATE, -6.0)
    dense = resample(found, RATE, 4 * RATE)
    assert np.abs(dense).max() <= from_db(-6.0) * 1.02
    assert 3.0 < reduced_db < 6.5
    far = abs(np.arange(RATE) / RATE - 0.5) > 0.01 + 2 * REACH_S + 0.001
    assert np.array_equal(found[far], samples[far])
    assert np.abs(found).max() > 0.9 * from_db(-6.0)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_short_pieces(size):
    found, _ = limited(np.ones(size, np.float32), RATE, -6.0)
    assert found.shape == (size,)
    assert (np.abs(found) <= from_db(-6.0) + 1e-6).all()
