"""The pitch and its phase, of sounds whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.audio import pitch
from vivavoce.types import Audio

RATE = 24000


def voice(hertz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twelve harmonics at `hertz` `[S]`, and the cycles gone by `[S]`."""
    cycles = np.cumsum(hertz) / RATE
    tones = [np.cos(2 * np.pi * k * cycles) / k for k in range(1, 13)]
    return 0.2 * np.sum(tones, axis=0), cycles


def test_a_glide_between_noise_is_followed():
    hertz = np.geomspace(110, 330, RATE)
    noise = 0.02 * np.random.default_rng(1).standard_normal(RATE // 2)
    found = pitch.track(Audio(np.concatenate([noise, voice(hertz)[0], noise]), RATE))
    assert len(found) == 160
    assert (found[:36] == 0).all()
    assert (found[-36:] == 0).all()
    inside = found[44:116]
    true = hertz[((np.arange(44, 116) + 0.5) * RATE / 80 - RATE / 2).astype(int)]
    assert np.abs(12 * np.log2(inside / true)).max() < 0.1


@pytest.mark.parametrize("hertz", [80.0, 200.0, 450.0])
def test_neither_octave_is_taken_for_the_pitch(hertz):
    found = pitch.track(Audio(voice(np.full(RATE // 2, hertz))[0], RATE))
    assert np.abs(found[4:-4] / hertz - 1).max() < 0.005


def test_silence_has_no_pitch_and_no_cycles():
    found = pitch.melody(Audio(np.zeros(RATE), RATE))
    assert not found.pitch_hz.any()
    assert not found.cycles.any()


def test_cycles_follow_the_pulses_to_the_end():
    hertz = 200 + 40 * np.sin(np.arange(2 * RATE) / RATE * 9)
    samples, true = voice(hertz)
    found = pitch.melody(Audio(samples, RATE))
    at = ((np.arange(160) + 0.5) * RATE / 80).astype(int)
    off = (found.cycles - pitch.PULSE_LEAD - true[at] + 0.5) % 1 - 0.5
    assert np.abs(off[4:-4]).max() < 0.03


def test_a_clip_shorter_than_a_window_has_one_value():
    assert len(pitch.track(Audio(np.zeros(100), RATE))) == 1
