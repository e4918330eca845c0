import numpy as np
import pytest

from vivavoce.audio.edit import (
    cut,
    fade,
    join,
    pad,
    pauses,
    shorten_pauses,
    silence,
    trim_silence,
)
from vivavoce.errors import AudioError
from vivavoce.types import Audio

RATE = 1000


def ones(n):
    return Audio(np.ones(n, np.float32), RATE)


def test_trim_keeps_the_speech_and_the_wanted_margin():
    audio = pad(ones(200), 0.5, 0.3)
    assert len(trim_silence(audio).samples) == 200
    kept = trim_silence(audio, keep_s=0.05).samples
    assert len(kept) == 300
    assert kept[:50].max() == 0.0
    assert kept[50] == 1.0


def test_trim_at_the_very_ends_and_of_nothing():
    assert len(trim_silence(ones(105), keep_s=1.0).samples) == 105
    assert len(trim_silence(silence(1.0, RATE)).samples) == 0
    assert len(trim_silence(silence(0.0, RATE)).samples) == 0


def test_trim_counts_its_frames_from_either_end():
    audio = Audio(np.append(np.ones(203, np.float32), np.zeros(42, np.float32)), RATE)
    # the end's frames of 10 samples: four silent ones, then one with three of the ones
    assert len(trim_silence(audio).samples) == 205


def test_pauses_are_listed_with_the_silent_ends():
    audio = join([silence(0.05, RATE), ones(100), ones(100)], [0.0, 0.2])
    audio = pad(audio, 0.0, 0.03)
    assert pauses(audio, 0.1) == [(pytest.approx(0.15), pytest.approx(0.35))]
    assert [p[0] for p in pauses(audio, 0.03)] == pytest.approx([0.0, 0.15, 0.45])
    assert pauses(silence(0.5, RATE), 0.5) == [(0.0, 0.5)]
    assert pauses(silence(0.0, RATE), 0.0) == []
    assert pauses(ones(100), 0.0) == []


def test_shortened_pauses_keep_their_beginning_and_end():
    audio = join([ones(100), ones(50)], [0.9])
    audio.samples[100] = audio.samples[999] = 0.001
    got = shorten_pauses(audio, 0.3).samples
    assert len(got) == 100 + 300 + 50
    assert got[100] == got[399] == np.float32(0.001)
    assert len(shorten_pauses(audio, 0.9).samples) == 1050


def test_cut_takes_seconds_and_refuses_nothing():
    audio = Audio(np.arange(100, dtype=np.float32), RATE)
    assert cut(audio, 0.02, 0.05).samples.tolist() == list(range(20, 50))
    assert cut(audio, 0.09, 7.0).samples.tolist() == list(range(90, 100))
    assert len(cut(audio).samples) == 100
    for start, end in ((0.05, 0.05), (0.2, None), (-1.0, None), (0.05, 0.02), (float("nan"), 1)):
        with pytest.raises(AudioError, match=r"0\.10 s long"):
            cut(audio, start, end)


def test_trim_threshold_is_in_db():
    quiet = Audio(np.full(200, 0.01, np.float32), RATE)  # -40 dB
    assert len(trim_silence(quiet, threshold_db=-42).samples) == 200
    assert len(trim_silence(quiet, threshold_db=-38).samples) == 0


def test_fades_start_and_end_at_zero_and_leave_the_middle():
    audio = ones(100)
    faded = fade(audio, 0.02, 0.02).samples
    assert faded[0] == faded[-1] == 0.0
    assert faded[10] == pytest.approx(0.5)
    assert (np.diff(faded[:21]) > 0).all()
    assert (faded[20:80] == 1.0).all()
    assert (audio.samples == 1.0).all()
    assert len(fade(ones(5), 1.0, 1.0).samples) == 5


def test_join_places_pauses_between():
    got = join([ones(3), ones(2)], [0.004, 0.001])
    assert got.samples.tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 1, 0]
    assert join([ones(3), ones(2)]).samples.tolist() == [1] * 5
    assert got.samples.dtype == np.float32


def test_join_refuses_nothing_and_mixed_rates():
    with pytest.raises(AudioError, match="nothing"):
        join([])
    with pytest.raises(AudioError, match="1000 Hz, 2000 Hz"):
        join([ones(1), Audio(np.ones(1, np.float32), 2000)])
