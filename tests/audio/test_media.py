import io
import sys

import numpy as np
import pytest

from vivavoce.audio import media
from vivavoce.audio.io import write
from vivavoce.errors import AudioError, MissingExtra
from vivavoce.types import Audio

SAMPLES = (0.5 * np.sin(np.arange(48_000) * 0.1)).astype(np.float32)


def test_aac_decodes_in_place(tmp_path):
    pytest.importorskip("av")
    write(tmp_path / "a.m4a", Audio(SAMPLES, 24000))
    rate, pieces = media.decode(tmp_path / "a.m4a")
    got = np.concatenate(list(pieces))
    assert rate == 24000
    assert np.abs(got[2000:40_000] - SAMPLES[2000:40_000]).max() < 0.05  # no shift by the priming


def test_what_is_no_media_raises(tmp_path):
    pytest.importorskip("av")
    with pytest.raises(AudioError, match="Cannot decode"):
        media.decode(io.BytesIO(b"nonsense" * 100))
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello.\n")
    with pytest.raises(AudioError, match="no audio"):
        media.decode(tmp_path / "a.srt")


def test_without_pyav_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match="media"):
        media.decode("a.m4a")
