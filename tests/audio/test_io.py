import io
import os
import struct
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import soundfile

from vivavoce.audio.formats import FORMATS
from vivavoce.audio.io import StreamWriter, read, write
from vivavoce.errors import AudioError, MissingExtra, OutputError, UnknownFormat
from vivavoce.types import Audio

RATE = 22050
READABLE = [name for name in FORMATS if name != "pcm"]


def tone(seconds=1.0, rate=RATE, level=0.5):
    t = np.arange(int(seconds * rate)) / rate
    return Audio((level * np.sin(2 * np.pi * 440 * t)).astype(np.float32), rate)


class Pipe:
    """Takes bytes in order and nothing else, as a socket or a pipe does."""

    def __init__(self, breaks_after=None):
        self.data = bytearray()
        self.breaks_after = breaks_after

    def write(self, data):
        if self.breaks_after is not None and len(self.data) > self.breaks_after:
            raise BrokenPipeError(32, "Broken pipe")
        part = bytes(data)[:5000]  # raw files may take only a part
        self.data += part
        return len(part)

    def flush(self):
        pass


def test_every_format_round_trips_through_a_file(tmp_path):
    pytest.importorskip("av")
    audio = tone()
    for name in READABLE:
        path = tmp_path / f"a.{name}"
        assert write(path, audio, name) == 0
        got = read(path)
        assert got.sample_rate == (24000 if name == "opus" else RATE)
        # bare AAC has nowhere to say how much of it is padding
        assert got.duration_s == pytest.approx(1.0, abs=0.1 if name == "aac" else 0.05)
        inner = got.samples[3000:20_000]
        assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.3535, rel=0.03), name
        if name in ("wav", "flac"):
            np.testing.assert_allclose(got.samples, audio.samples, atol=1 / 65536)
        if name == "wav-float":
            np.testing.assert_array_equal(got.samples, audio.samples)
    assert len(list(tmp_path.iterdir())) == len(READABLE)


def test_every_format_streams_to_a_pipe(tmp_path):
    pytest.importorskip("av")
    audio = tone(3.0)
    for name in READABLE:
        pipe = Pipe()
        with StreamWriter(pipe, RATE, name) as writer:
            for start in range(0, len(audio.samples), 7000):
                writer.write(audio.samples[start : start + 7000])
            early = len(pipe.data)
        assert early > len(pipe.data) / 3, name  # heard while it is spoken
        got = read(io.BytesIO(bytes(pipe.data)))
        assert got.duration_s == pytest.approx(3.0, abs=0.1), name
        assert np.sqrt(np.mean(got.samples**2)) == pytest.approx(0.3535, rel=0.08), name


def test_wav_to_a_pipe_says_its_length_is_unknown():
    pipe = Pipe()
    write(pipe, tone(0.1))
    assert struct.unpack("<I", pipe.data[4:8]) == struct.unpack("<I", pipe.data[40:44])
    assert pipe.data[4:8] == b"\xff\xff\xff\xff"
    assert len(pipe.data) == 44 + 2 * 2205


def test_wav_to_a_seekable_stream_has_its_length_and_starts_where_it_stands():
    stream = io.BytesIO()
    stream.write(b"before")
    write(stream, tone(0.1))
    assert not stream.closed
    assert stream.getvalue()[:10] == b"beforeRIFF"
    assert read(io.BytesIO(stream.getvalue()[6:])).duration_s == pytest.approx(0.1)
    assert stream.tell() == 6 + 44 + 2 * 2205


def test_sixteen_bit_files_survive_reading_and_writing(tmp_path):
    values = np.arange(-32768, 32768, 7, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", values, 24000, subtype="PCM_16")
    write(tmp_path / "b.wav", read(tmp_path / "a.wav"))
    back, _ = soundfile.read(tmp_path / "b.wav", dtype="int16")
    np.testing.assert_array_equal(back, values)


def test_channels_are_averaged_and_the_rate_converted(tmp_path):
    mono = tone(1.0, 44100).samples
    soundfile.write(tmp_path / "a.ogg", np.stack([mono, 0 * mono], 1), 44100)
    got = read(tmp_path / "a.ogg", 24000)
    assert got.sample_rate == 24000
    assert len(got.samples) == 24000
    assert np.abs(got.samples).max() == pytest.approx(0.25, abs=0.02)
    assert got.samples.dtype == np.float32


def test_clipping_is_counted_except_in_float_files(tmp_path):
    audio = Audio(np.array([0.5, 1.5, -2.0, 1.0], np.float32), RATE)
    assert write(tmp_path / "a.wav", audio) == 2
    assert read(tmp_path / "a.wav").samples.tolist() == [0.5, 32767 / 32768, -1.0, 32767 / 32768]
    assert write(tmp_path / "b.wav", audio, "wav-float") == 0
    assert read(tmp_path / "b.wav").samples.tolist() == audio.samples.tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused_and_the_old_file_stays(tmp_path, bad):
    path = tmp_path / "a.wav"
    write(path, tone(0.1))
    before = path.read_bytes()
    with pytest.raises(AudioError, match="NaN"):
        write(path, Audio(np.array([0.0, bad], np.float32), RATE))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_stereo_samples_are_refused(tmp_path):
    with pytest.raises(AudioError, match="mono"):
        write(tmp_path / "a.wav", Audio(np.zeros((4, 2), np.float32), RATE))
    assert not list(tmp_path.iterdir())


def test_a_path_appears_at_close_and_not_before(tmp_path):
    path = tmp_path / "a.flac"
    writer = StreamWriter(path, RATE)
    writer.write(tone(0.5).samples)
    assert not path.exists()
    writer.close()
    writer.close()
    assert read(path).duration_s == pytest.approx(0.5)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="closed"):
        writer.write(np.zeros(3, np.float32))


def interrupted(path, name):
    with StreamWriter(path, RATE, name) as writer:
        writer.write(tone(0.2).samples)
        raise KeyboardInterrupt


def test_an_exception_inside_leaves_nothing(tmp_path):
    for name in FORMATS:
        if FORMATS[name].media:
            pytest.importorskip("av")
        with pytest.raises(KeyboardInterrupt):
            interrupted(tmp_path / "a", name)
    assert not list(tmp_path.iterdir())


def test_nothing_written_makes_a_file_without_samples(tmp_path):
    with StreamWriter(tmp_path / "a.wav", RATE):
        pass
    with pytest.raises(AudioError, match="no samples"):
        read(tmp_path / "a.wav")


def test_a_closed_pipe_is_an_output_error():
    for name in ("wav", "flac", "ogg", "mp3"):
        with pytest.raises(OutputError, match=r"Broken pipe.*has ended"):
            write(
                Pipe(breaks_after=4000),
                Audio(np.random.default_rng(0).uniform(-1, 1, 200_000), RATE),
                name,
            )


def test_unknown_formats_name_the_near_miss(tmp_path):
    with pytest.raises(UnknownFormat, match="'flac'"):
        write(tmp_path / "a.flaac", tone(0.1))
    with pytest.raises(UnknownFormat, match=r"no format.*wav"):
        write(tmp_path / "a", tone(0.1))
    assert not list(tmp_path.iterdir())


def test_m4a_without_its_extra_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"vivavoce\[media\]"):
        write(tmp_path / "a.m4a", tone(0.1))
    (tmp_path / "b.m4a").write_bytes(b"\x00\x00\x00\x18ftypM4A whatever this is")
    with pytest.raises(MissingExtra, match=r"vivavoce\[media\]"):
        read(tmp_path / "b.m4a")
    assert not (tmp_path / "a.m4a").exists()
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / "c.wav").write_bytes(b"whatever this is")
    with pytest.raises(AudioError, match="Cannot decode"):
        read(tmp_path / "c.wav")


def test_unreadable_files(tmp_path):
    (tmp_path / "c.wav").write_bytes(b"whatever this is")
    with pytest.raises(AudioError) as caught:
        read(tmp_path / "c.wav")
    assert str(caught.value).count("Cannot decode") == 1
    with pytest.raises(AudioError, match="does not exist"):
        read(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="is a folder"):
        read(tmp_path)
    for name, error in (("a.wav", AudioError), ("a.docx", UnknownFormat), ("a.raw", UnknownFormat)):
        (tmp_path / name).write_bytes(bytes(range(256)) * 4)
        with pytest.raises(error):
            read(tmp_path / name)
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(AudioError, match="empty: the file has 0 bytes"):
        read(tmp_path / "empty.wav")
    with pytest.raises(AudioError, match="the stream is empty"):
        read(io.BytesIO())
    with pytest.raises(UnknownFormat, match="without their rate"):
        read(tmp_path / "a.raw")
    with pytest.raises(AudioError):
        read(io.BytesIO(b"nonsense"))
    soundfile.write(tmp_path / "nan.wav", np.array([np.nan, 0.0]), RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        read(tmp_path / "nan.wav")


def test_a_truncated_flac_raises_or_gives_the_part_there_is(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 100_000).astype(np.float32)
    write(tmp_path / "a.flac", Audio(noise, RATE))
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(data[: len(data) // 2])
    try:
        got = read(tmp_path / "b.flac")
    except AudioError:
        return
    np.testing.assert_allclose(got.samples[:20_000], noise[:20_000], atol=1e-4)
    assert len(got.samples) < 100_000


def test_memory_does_not_grow_with_length(tmp_path):
    block = tone(1.0, 24000).samples

    def peak(n_blocks, name):
        tracemalloc.start()
        with StreamWriter(tmp_path / "a", RATE + 50, name) as writer:
            for _ in range(n_blocks):
                writer.write(block)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    for name in ("wav", "flac", "opus"):
        assert peak(20, name) < peak(4, name) + 200_000


def test_reading_a_nameless_stream_that_cannot_seek(tmp_path):
    write(tmp_path / "a.ogg", tone(0.5))

    class Forward(io.RawIOBase):
        def __init__(self, data):
            self.inner = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.inner.readinto(buffer)

    got = read(Forward((tmp_path / "a.ogg").read_bytes()))
    assert got.duration_s == pytest.approx(0.5)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_reading_a_named_pipe(tmp_path):
    write(tmp_path / "a.flac", tone(0.5))
    os.mkfifo(tmp_path / "pipe")
    data = (tmp_path / "a.flac").read_bytes()
    feeder = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    feeder.start()
    assert read(tmp_path / "pipe").duration_s == pytest.approx(0.5)
    feeder.join()
