import numpy as np
import pytest

from vivavoce.audio.guards import clipping_ratio, dc_offset, is_silent, nonfinite_count

NOTHING = np.zeros(0, np.float32)


def test_nonfinite_count():
    assert nonfinite_count(np.array([0.0, np.nan, np.inf, -np.inf, 1.0])) == 3
    assert nonfinite_count(NOTHING) == 0


def test_dc_offset():
    wave = np.sin(np.arange(6283) / 1000 * 2).astype(np.float32)
    assert dc_offset(wave + np.float32(0.25)) == pytest.approx(0.25, abs=1e-3)
    assert dc_offset(NOTHING) == 0.0


def test_clipping_ratio():
    assert clipping_ratio(np.array([0.0, 1.0, -1.2, 0.5])) == 0.5
    assert clipping_ratio(np.array([0.0, 0.6]), limit=0.5) == 0.5
    assert clipping_ratio(NOTHING) == 0.0


def test_is_silent():
    assert is_silent(NOTHING)
    assert is_silent(np.full(100, 0.0005, np.float32))
    assert not is_silent(np.full(100, 0.002, np.float32))
    assert not is_silent(np.full(100, 0.0005, np.float32), threshold_db=-80.0)
