import io
import sys

import numpy as np
import pytest

from vivavoce.audio import media
from vivavoce.audio.io import read, write
from vivavoce.errors import AudioError, MissingExtra, UnknownFormat
from vivavoce.types import Audio

SAMPLES = (0.5 * np.sin(np.arange(48_000) * 0.1)).astype(np.float32)


def decoded(data, kind):
    found = media.decode(io.BytesIO(data), kind, "a")
    return found.sample_rate, np.concatenate(list(found.blocks))[:, 0]


def test_aac_decodes_in_place():
    pytest.importorskip("av")
    stream = io.BytesIO()
    write(stream, Audio(SAMPLES, 24000), "m4a")
    rate, got = decoded(stream.getvalue(), "mov")
    assert rate == 24000
    assert np.abs(got[2000:40_000] - SAMPLES[2000:40_000]).max() < 0.05  # no shift by the priming


def test_bare_aac_round_trips(tmp_path):
    pytest.importorskip("av")
    write(tmp_path / "a.aac", Audio(SAMPLES, 22050))
    assert (tmp_path / "a.aac").read_bytes()[:1] == b"\xff"  # ADTS frames, no container
    got = read(tmp_path / "a.aac")
    assert got.sample_rate == 22050
    assert got.duration_s == pytest.approx(len(SAMPLES) / 22050, abs=0.1)
    assert got.findings == ()


def test_what_is_no_media_raises():
    pytest.importorskip("av")
    with pytest.raises(AudioError, match="Cannot decode"):
        decoded(b"nonsense" * 100, "mov")
    with pytest.raises(AudioError, match="not in a supported audio format"):
        decoded(b"#EXTM3U\n", "hls")


@pytest.mark.parametrize("name", ["a.m3u8", "a.m4a", "a.sdp", "a.ffconcat", "a"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>{}</BaseURL></Period></MPD>',
    ],
)
def test_a_file_that_names_others_is_refused(tmp_path, name, text):
    pytest.importorskip("av")
    write(tmp_path / "secret.wav", Audio(SAMPLES, 24000))
    (tmp_path / name).write_text(text.format(tmp_path / "secret.wav"))
    with pytest.raises((AudioError, UnknownFormat)):
        read(tmp_path / name)


def test_without_pyav_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match="media"):
        media.decode(io.BytesIO(b""), "mov", "a.m4a")
