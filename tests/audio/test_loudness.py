import numpy as np
import pytest

from vivavoce.audio import loudness
from vivavoce.audio.loudness import (
    Meter,
    integrated_lufs,
    peak_db,
    rms,
    rms_db,
)
from vivavoce.types import Audio


def tone(hz, seconds, rate=24000, db=0.0):
    t = np.arange(int(seconds * rate)) / rate
    return (10 ** (db / 20) * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_full_scale_997_hz_is_minus_3_01(rate):
    assert integrated_lufs(Audio(tone(997, 5, rate), rate)) == pytest.approx(-3.01, abs=0.02)


def test_weighting_lifts_treble_and_cuts_rumble():
    levels = {hz: integrated_lufs(Audio(tone(hz, 3), 24000)) + 3.01 for hz in (20, 38, 997, 8000)}
    assert levels[997] == pytest.approx(0.0, abs=0.02)
    assert levels[8000] == pytest.approx(3.3, abs=0.1)
    assert levels[38] == pytest.approx(-6.7, abs=0.3)
    assert levels[20] < -12.0


def test_direct_recursion_at_48_khz_agrees():
    samples = np.random.default_rng(1).standard_normal(9600)
    weighted = samples
    for b, a in (
        (
            (1.53512485958697, -2.69169618940638, 1.19839281085285),
            (-1.69065929318241, 0.73248077421585),
        ),
        ((1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621)),
    ):
        out = np.zeros(len(weighted) + 2)
        x = np.concatenate([[0.0, 0.0], weighted])
        for n in range(2, len(x)):
            out[n] = b[0] * x[n] + b[1] * x[n - 1] + b[2] * x[n - 2]
            out[n] -= a[0] * out[n - 1] + a[1] * out[n - 2]
        weighted = out[2:]
    got = loudness._weighted_energy(samples.astype(np.float32), 48000, np.array([0, 9600]))[0]
    assert got == pytest.approx(np.square(weighted).sum(), rel=1e-5)


def test_quiet_passages_are_gated():
    """EBU Tech 3341, case 3 in mono: 10 s quiet, 60 s louder, 10 s quiet; only the loud counts."""
    quiet, loud = tone(1000, 10, db=-33), tone(1000, 60, db=-20)
    whole = integrated_lufs(Audio(np.concatenate([quiet, loud, quiet]), 24000))
    assert whole == pytest.approx(integrated_lufs(Audio(loud, 24000)), abs=0.1)
    assert whole == pytest.approx(-23.0, abs=0.1)


def test_silence_around_speech_does_not_count():
    loud = tone(1000, 10)
    padded = np.concatenate([np.zeros(240_000, np.float32), loud])
    assert integrated_lufs(Audio(padded, 24000)) == pytest.approx(-3.0, abs=0.15)


def test_long_audio_in_turns_equals_direct_filtering():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(30 * 8000).astype(np.float32) * 0.1
    edges = np.array([0, len(samples)])
    got = loudness._weighted_energy(samples, 8000, edges)[0]
    response = loudness._weighting(8000)
    n_fft = 1 << 20
    full = np.interp(np.arange(n_fft // 2 + 1), np.linspace(0, n_fft // 2, len(response)), response)
    direct = np.fft.irfft(np.fft.rfft(samples, n_fft) * full, n_fft)[: len(samples)]
    assert got == pytest.approx(np.square(direct).sum(), rel=1e-4)


@pytest.mark.parametrize("n", [0, 1, 100, 9599, 9600])
def test_short_audio_and_silence(n):
    assert integrated_lufs(Audio(np.zeros(n, np.float32), 24000)) == float("-inf")
    if n >= 100:
        assert integrated_lufs(Audio(tone(1000, 1)[:n], 24000)) == pytest.approx(-3, abs=1.0)


def test_peak_and_rms():
    assert peak_db(tone(1000, 1)) == pytest.approx(0.0, abs=1e-3)
    assert rms_db(tone(1000, 1)) == pytest.approx(-3.01, abs=0.01)
    assert rms_db(np.zeros(5, np.float32)) == peak_db(np.zeros(0, np.float32)) == float("-inf")


def test_rms_of_something_and_of_nothing():
    assert rms(np.array([0.3, -0.4], np.float32)) == pytest.approx(0.125**0.5)
    assert rms(np.zeros(0, np.float32)) == 0.0


@pytest.mark.parametrize("seconds", [0.05, 0.39, 0.4, 3.0, 12.34])
@pytest.mark.parametrize("piece", [97, 4096, 200_000])
def test_a_meter_measures_pieces_as_a_whole(seconds: float, piece: int) -> None:
    rate = 22050
    draw = np.random.default_rng(1)
    samples = draw.normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    samples[len(samples) // 2 :] *= 0.05
    meter = Meter(rate)
    for start in range(0, len(samples), piece):
        meter.add(samples[start : start + piece])
    assert meter.lufs == pytest.approx(integrated_lufs(Audio(samples, rate)), abs=1e-6)
    assert meter.peak_db == peak_db(samples)


def test_a_meter_of_nothing() -> None:
    meter = Meter(22050)
    assert meter.lufs == float("-inf")
    assert meter.peak_db == float("-inf")
