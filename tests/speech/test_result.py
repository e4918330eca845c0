import numpy as np
import pytest

from vivavoce.audio.io import read
from vivavoce.errors import OutputError, UnknownFormat
from vivavoce.speech.result import Speech

SPEECH = Speech(np.sin(np.arange(24000) / 20).astype(np.float32) * 0.5, 24000)


def test_saves_what_it_holds(tmp_path):
    SPEECH.save(tmp_path / "a.flac")
    found = read(tmp_path / "a.flac")
    assert found.sample_rate == 24000
    assert np.abs(found.samples - SPEECH.samples).max() < 1e-4
    assert SPEECH.duration_s == 1.0


def test_failures_are_named_and_leave_nothing(tmp_path):
    with pytest.raises(UnknownFormat, match="wav"):
        SPEECH.save(tmp_path / "a.wva")
    with pytest.raises(OutputError):
        SPEECH.save(tmp_path / "no" / "such" / "folder.wav")
    assert not list(tmp_path.iterdir())
