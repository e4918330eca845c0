from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.prepare import sets
from vivavoce.audio import io
from vivavoce.audio.edit import frame_energies
from vivavoce.data import stream
from vivavoce.data.measures import measure_clip
from vivavoce.data.slicing import noise_floor
from vivavoce.data.stream import scan, spans
from vivavoce.errors import AudioError
from vivavoce.types import Audio

RATE = 24_000


def test_snr_is_what_was_mixed() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(4 * RATE) / RATE
    speech = np.where(t % 1.0 < 0.7, 0.1 * rng.standard_normal(len(t)), 0.0)
    for snr_db in (10.0, 20.0, 30.0):
        noise = 0.1 * 10 ** (-snr_db / 20) * rng.standard_normal(len(t))
        audio = Audio((speech + noise).astype(np.float32), RATE)
        floor = noise_floor(frame_energies(audio.samples, RATE // 100))
        found = measure_clip(audio, floor.noise, floor.threshold)
        assert found.snr_db == pytest.approx(snr_db, abs=1.5)


@pytest.mark.parametrize("edge_hz", [3400, 5000, 8000, 11_000])
def test_bandwidth_is_where_the_sound_ends(edge_hz: int) -> None:
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(2 * RATE))
    spectrum[2 * edge_hz :] = 0
    audio = Audio(0.1 * np.fft.irfft(spectrum).astype(np.float32), RATE)
    found = measure_clip(audio, 1e-9, 1e-6)
    assert found.bandwidth_hz == pytest.approx(edge_hz, abs=350)


@pytest.mark.parametrize("pitch_hz", [90, 150, 260])
def test_pitch_is_the_period(pitch_hz: int) -> None:
    t = np.arange(RATE) / RATE
    pulses = sum(np.sin(2 * np.pi * pitch_hz * h * t) / h for h in range(1, 12))
    found = measure_clip(Audio((0.1 * pulses).astype(np.float32), RATE), 1e-9, 1e-6)
    assert found.pitch_hz == pytest.approx(pitch_hz, rel=0.02)


def test_an_outline_survives_level_and_rate_but_tells_sentences_apart() -> None:
    def outline(samples: np.ndarray, rate: int) -> np.ndarray:
        found = measure_clip(Audio(samples.astype(np.float32), rate), 1e-9, 1e-7)
        return np.frombuffer(found.outline, np.int8).astype(float)

    one, other = (sets.said(text, i) for i, text in enumerate(sets.SENTENCES[:2]))
    half = np.interp(np.arange(0, len(one), 16 / 22.05), np.arange(len(one)), one)
    same = outline(one, sets.RATE)
    assert np.corrcoef(same, outline(0.3 * one, sets.RATE))[0, 1] > 0.99
    assert np.corrcoef(same, outline(half, 22_050))[0, 1] > 0.98
    assert np.corrcoef(same, outline(other, sets.RATE))[0, 1] < 0.9


def test_very_short_and_silent_clips_have_finite_measures() -> None:
    for samples in (np.zeros(10), np.zeros(RATE), np.ones(5) * 0.1):
        found = measure_clip(Audio(samples.astype(np.float32), RATE), 0.0, 0.0)
        assert np.isfinite([found.snr_db, found.bandwidth_hz, found.pitch_hz]).all()


def test_a_long_file_gives_the_same_parts_as_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = sets.talk([2.0, 3.0, 2.5])
    path = sets.write(tmp_path / "a.flac", samples)
    held = scan(path)
    monkeypatch.setattr(stream, "HELD_S", 1.0)
    streamed = scan(path)
    assert held.held is not None
    assert streamed.held is None
    assert np.array_equal(held.levels, streamed.levels)
    wanted = [(0, 5000), (4000, 20_000), (40_000, len(samples))]
    short = list(spans(held.source, wanted, held.held))
    long = list(spans(streamed.source, wanted))
    for one, other in zip(short, long, strict=True):
        assert np.array_equal(one.samples, other.samples)


def test_levels_are_those_of_the_whole_file(tmp_path: Path) -> None:
    path = sets.write(tmp_path / "a.wav", sets.talk([2.0, 3.0]))
    audio = io.read(path)
    assert np.allclose(scan(path).levels, frame_energies(audio.samples, sets.RATE // 100))


def test_channels_that_cancel_each_other_are_not_mixed(tmp_path: Path) -> None:
    voice = sets.talk([2.0])
    soundfile.write(tmp_path / "a.wav", np.stack([voice, -0.99 * voice], axis=1), sets.RATE)
    found = scan(tmp_path / "a.wav")
    assert [f.name for f in found.findings] == ["cancelling channels"]
    (whole,) = spans(found.source, [(0, len(voice))])
    assert np.allclose(whole.samples, voice, atol=1e-3)


def test_an_offset_is_taken_away(tmp_path: Path) -> None:
    path = sets.write(tmp_path / "a.wav", sets.talk([2.0]) + 0.05)
    found = scan(path)
    (whole,) = spans(found.source, [(0, found.n_samples)], found.held)
    assert abs(float(whole.samples.mean())) < 1e-4


def test_a_file_that_vanished_is_an_audio_error(tmp_path: Path) -> None:
    path = sets.write(tmp_path / "a.wav", sets.talk([2.0]))
    found = scan(path)
    path.unlink()
    with pytest.raises(AudioError, match=r"a\.wav does not exist"):
        next(spans(found.source, [(0, 100)]))
