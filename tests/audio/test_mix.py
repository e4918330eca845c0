"""Channels to one."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.speechlike import speechlike
from vivavoce.audio.io import read

RATE = 16_000
VOICE = speechlike(2.0, RATE).samples
OTHER = speechlike(2.0, RATE, seed=1).samples


def of(tmp_path, *channels):
    soundfile.write(tmp_path / "a.wav", np.stack(channels, 1), RATE, subtype="FLOAT")
    return read(tmp_path / "a.wav")


@pytest.mark.parametrize("gain", [1.0, 0.95])
def test_channels_that_cancel_leave_the_loudest(tmp_path, gain):
    got = of(tmp_path, gain * VOICE, -VOICE)
    np.testing.assert_array_equal(got.samples, VOICE if gain == 1.0 else -VOICE)
    (found,) = got.findings
    assert found.name == "cancelling channels"
    assert found.measure == pytest.approx(-120.0 if gain == 1.0 else -32.0, abs=0.2)
    assert "cancel" in found.message()


def test_a_voice_in_the_centre_of_six_channels(tmp_path):
    silence = np.zeros_like(VOICE)
    got = of(tmp_path, silence, silence, VOICE, silence, silence, silence)
    np.testing.assert_array_equal(got.samples, VOICE)
    (found,) = got.findings
    assert found.name == "one channel"
    assert found.measure == pytest.approx(-15.6, abs=0.1)


@pytest.mark.parametrize(
    "channels", [(VOICE, VOICE), (VOICE, 0 * VOICE), (VOICE, OTHER), (VOICE, 0.5 * VOICE + 0.1)]
)
def test_two_channels_are_averaged(tmp_path, channels):
    got = of(tmp_path, *channels)
    np.testing.assert_allclose(got.samples, np.mean(channels, axis=0), atol=1e-6)
    assert got.findings == ()


def test_offsets_do_not_count_as_sound(tmp_path):
    got = of(tmp_path, VOICE + 0.5, -VOICE + 0.5)
    assert [f.name for f in got.findings] == ["cancelling channels"]


def test_silence_and_one_channel_are_no_fault(tmp_path):
    assert of(tmp_path, 0 * VOICE, 0 * VOICE).findings == ()
    assert of(tmp_path, VOICE).findings == ()


def test_the_loudest_is_taken_at_another_rate_too(tmp_path):
    of(tmp_path, VOICE, -VOICE)
    got = read(tmp_path / "a.wav", 24_000)
    assert got.duration_s == pytest.approx(2.0)
    assert np.abs(got.samples).max() == pytest.approx(np.abs(VOICE).max(), rel=0.1)
