"""Files that are cut off, too long, or say odd things about themselves."""

from __future__ import annotations

import io
import os
import struct

import numpy as np
import pytest
import soundfile

from tests.hostile.audio import cases
from tests.speechlike import speechlike
from vivavoce.audio.io import read, write
from vivavoce.audio.limits import RecordingLimits
from vivavoce.errors import AudioError, VivavoceError

RATE = 24_000
SPEECH = speechlike(4.0, RATE)


def saved(path, **how):
    if path.suffix in (".m4a", ".mka", ".aac"):
        pytest.importorskip("av")
        write(path, SPEECH)
    else:
        soundfile.write(path, SPEECH.samples, RATE, **how)
    return path


def cut(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


WHOLE = ["wav", "ogg", "opus", "mp3", "aiff", "au", "w64", "caf", "flac", "m4a", "aac"]


@pytest.mark.parametrize("suffix", WHOLE)
def test_a_whole_file_is_not_cut_off(tmp_path, suffix):
    how = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    got = read(saved(tmp_path / f"a.{suffix}", **how))
    assert got.findings == ()
    assert got.source == f"a.{suffix}"


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24", "IMA_ADPCM", "ULAW"])
def test_a_whole_wav_of_any_type_is_not_cut_off(tmp_path, subtype):
    assert read(saved(tmp_path / "a.wav", subtype=subtype)).findings == ()


@pytest.mark.parametrize("suffix", ["wav", "ogg", "opus", "mp3", "aiff", "au", "w64"])
def test_the_first_part_of_a_file_is_read_and_said_to_be_one(tmp_path, suffix):
    how = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    got = read(cut(saved(tmp_path / f"a.{suffix}", **how)))
    (found,) = got.findings
    assert (found.name, found.severity) == ("truncated", "warning")
    assert found.measure == pytest.approx(got.duration_s, abs=0.01)
    assert 1.0 < found.measure < 3.0


@pytest.mark.parametrize("suffix", ["flac", "m4a", "aac"])
def test_the_first_part_of_these_is_refused(tmp_path, suffix):
    with pytest.raises(AudioError, match=r"Cannot decode.*Give a complete audio file"):
        read(cut(saved(tmp_path / f"a.{suffix}")))


def test_a_cut_caf_is_said_to_be_one(tmp_path):
    pytest.importorskip("av")  # libsndfile refuses it
    (found,) = read(cut(saved(tmp_path / "a.caf"))).findings
    assert found.name == "truncated"


@pytest.mark.parametrize("sizes", [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0x7FFFFFFF - 36)])
def test_a_wav_that_does_not_know_its_length_is_whole(sizes):
    stream = io.BytesIO()
    write(stream, SPEECH)
    data = bytearray(stream.getvalue())
    data[4:8], data[40:44] = (struct.pack("<I", size) for size in sizes)
    got = read(io.BytesIO(bytes(data)))
    assert got.findings == ()
    assert got.duration_s == pytest.approx(4.0)


def test_more_than_the_longest_is_refused_from_the_header(tmp_path):
    write(tmp_path / "a.flac", SPEECH)
    with pytest.raises(AudioError, match=r"4 s of audio or more; 3 s are read.*longest_s"):
        read(tmp_path / "a.flac", longest_s=3.0)
    assert read(tmp_path / "a.flac", longest_s=5.0).duration_s == 4.0


def test_a_flac_that_hides_its_length_is_read_up_to_the_limit(tmp_path):
    write(tmp_path / "a.flac", SPEECH)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # STREAMINFO: 36 bits of total samples, 0 for unknown (RFC 9639, 8.2)
    data[22:26] = bytes(4)
    stream = io.BytesIO(bytes(data))
    with pytest.raises(AudioError, match="3 s are read at most"):
        read(stream, longest_s=3.0)
    assert read(stream).duration_s == 4.0


def test_high_rates_and_many_channels_count_as_longer():
    limits = RecordingLimits(longest_s=600.0)
    assert limits.seconds(48_000, 4) == limits.seconds(16_000, 8) == 600.0
    assert limits.seconds(192_000, 1) == 150.0
    assert limits.seconds(48_000, 64) == 37.5


@pytest.mark.parametrize(("rate", "fine"), [(3999, False), (4000, True), (384_000, True)])
def test_rates(tmp_path, rate, fine):
    soundfile.write(tmp_path / "a.wav", SPEECH.samples, rate)
    if fine:
        assert read(tmp_path / "a.wav").sample_rate == rate
    else:
        with pytest.raises(AudioError, match=r"a sample rate of 3999 Hz.*4000 to 384000"):
            read(tmp_path / "a.wav")


def test_a_file_that_may_not_be_read(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = saved(tmp_path / "a.wav")
    path.chmod(0)
    with pytest.raises(AudioError, match="Permission denied"):
        read(path)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_hostile_recordings(tmp_path, case):
    pytest.importorskip("av")
    path = tmp_path / f"a{case.suffix}"
    path.write_bytes(case.data)
    if case.expects == "accepted":
        assert np.isfinite(read(path).samples).all()
        return
    with pytest.raises(VivavoceError) as caught:
        read(path)
    assert caught.value.advice
