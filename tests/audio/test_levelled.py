"""Output at a loudness."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest

from tests.speechlike import speechlike
from vivavoce.audio.io import StreamWriter, read
from vivavoce.audio.levelled import LevelledWriter
from vivavoce.audio.loudness import integrated_lufs, loudness_gain_db
from vivavoce.types import Audio

RATE = 24_000
SPEECH = speechlike(3.0, RATE, level=0.05)


def levelled(target, goal, samples=SPEECH.samples, **how):
    writer = LevelledWriter(StreamWriter(target, RATE, "flac", **how), RATE, goal)
    with writer:
        for start in range(0, len(samples), 7000):
            writer.write(samples[start : start + 7000])
    return writer


@pytest.mark.parametrize("goal", [-40.0, -23.0, -20.0])
def test_the_whole_has_the_loudness(tmp_path, goal):
    writer = levelled(tmp_path / "a.flac", goal)
    got = integrated_lufs(read(tmp_path / "a.flac"))
    assert got == pytest.approx(goal, abs=0.05)
    assert writer.reached_lufs == pytest.approx(goal)
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_loudness_stops_at_the_peak_limit():
    stream = io.BytesIO()
    writer = levelled(stream, 0.0)
    stream.seek(0)
    assert np.abs(read(stream).samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert writer.reached_lufs < -3.0
    assert writer.clipped == 0


def test_silence_and_nothing_stay(tmp_path):
    levelled(tmp_path / "a.flac", -16.0, np.zeros(RATE, np.float32))
    assert not read(tmp_path / "a.flac").samples.any()
    levelled(tmp_path / "b.flac", -16.0, np.zeros(0, np.float32))
    assert loudness_gain_db(float("-inf"), float("-inf"), -16.0) == 0.0


def test_at_another_rate(tmp_path):
    tone = (0.1 * np.sin(np.arange(3 * RATE) * 0.2)).astype(np.float32)
    levelled(tmp_path / "a.flac", -23.0, tone, file_rate=48_000)
    got = read(tmp_path / "a.flac")
    assert got.sample_rate == 48_000
    assert integrated_lufs(got) == pytest.approx(-23.0, abs=0.05)


def test_memory_does_not_grow_with_length(tmp_path):
    block = speechlike(10.0, RATE).samples

    def peak(n_blocks):
        tracemalloc.start()
        writer = LevelledWriter(StreamWriter(tmp_path / "a.wav", RATE), RATE, -20.0)
        with writer:
            for _ in range(n_blocks):
                writer.write(block)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1)  # tables of the filters
    assert peak(12) < peak(3) + 1_000_000


def test_the_gain_is_what_lacks_or_what_the_peak_leaves():
    assert loudness_gain_db(-30.0, -20.0, -23.0) == 7.0
    assert loudness_gain_db(-30.0, -5.0, -16.0) == 4.0
    assert loudness_gain_db(-10.0, -1.0, -23.0) == -13.0
    quiet = Audio(0.1 * SPEECH.samples, RATE)
    assert integrated_lufs(quiet) == pytest.approx(integrated_lufs(SPEECH) - 20.0, abs=1e-3)
