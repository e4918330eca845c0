"""The m4b file, read box by box."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from tests.book.books import png
from vivavoce.audio import io
from vivavoce.book import Book, Cover, m4b
from vivavoce.book.outputs import Track
from vivavoce.errors import OutputError

av = pytest.importorskip("av")

RATE = 24000
JPEG = bytes.fromhex("ffd8ffe000040000ffc0000b080007000901") + bytes(8)


def boxes(data: bytes) -> dict[str, bytes]:
    found, place = {}, 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        found[kind.decode("latin1")] = data[place + 8 : place + size]
        place += size
    return found


def written(path, book, n_tracks=2, rate=RATE):
    samples = np.sin(np.arange(n_tracks * rate) * 0.05).astype(np.float32) * 0.3
    tracks = [Track(n + 1, f"Part {n + 1} é", float(n), n + 1.0) for n in range(n_tracks)]
    m4b.write(path, book, tracks, iter([samples[:1000], samples[1000:]]), rate)
    return path.read_bytes()


def test_an_audiobook(tmp_path):
    book = Book("The Mill", ("A. Tester",), (), "en-GB", Cover(png(), "image/png"), "2026-01-02")
    data = written(tmp_path / "x.m4b", book)
    top = boxes(data)
    assert top["ftyp"][:4] == b"M4B "
    assert list(top).index("moov") < list(top).index("mdat")
    user = boxes(boxes(top["moov"])["udta"])
    assert user["chpl"][8] == 2
    assert "Part 2 é".encode() in user["chpl"]
    tags = boxes(boxes(user["meta"][4:])["ilst"])
    assert tags["©nam"][16:] == b"The Mill"
    assert tags["©ART"][16:] == b"A. Tester"
    assert tags["stik"][-1:] == b"\x02"
    assert png() in tags["covr"]
    assert b"chap" in top["moov"]
    audio = io.read(tmp_path / "x.m4b")
    assert audio.sample_rate == RATE
    assert abs(audio.duration_s - 2.0) < 0.05


def test_the_same_bytes_every_time(tmp_path):
    book = Book("The Mill", (), ())
    assert written(tmp_path / "a.m4b", book) == written(tmp_path / "b.m4b", book)


def test_rates_that_aac_does_not_have(tmp_path):
    written(tmp_path / "a.m4b", Book("x", (), ()), rate=20000)
    assert io.read(tmp_path / "a.m4b").sample_rate == 22050


def test_sizes_of_pictures():
    assert m4b.picture_size(png(5, 6)) == (5, 6)
    assert m4b.picture_size(JPEG) == (9, 7)
    assert m4b.picture_size(b"GIF89a") is None
    assert m4b.picture_size(b"\xff\xd8\xff\xd9") is None


def by_ffmpeg(path, book, tracks, samples, rate):
    """The same audiobook from FFmpeg's muxer."""
    how = {"brand": "M4B ", "movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", container_options=how) as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        stream.bit_rate, stream.metadata["language"] = m4b.BIT_RATE, "eng"
        cover = None
        if book.cover:
            codec = "png" if book.cover.media_type == "image/png" else "mjpeg"
            size = m4b.picture_size(book.cover.data)
            assert size
            cover = container.add_mux_stream(codec, width=size[0], height=size[1])
            cover.time_base = Fraction(1, 90000)
            cover.disposition = av.stream.Disposition.attached_pic
        names = {"title": book.title, "album": book.title, "artist": ", ".join(book.authors)}
        names |= {"album_artist": names["artist"], "composer": "synthetic voice"}
        names |= {"genre": "Audiobook", "date": book.date[:4], "description": book.description}
        names |= {"comment": "Read by a synthetic voice (vivavoce).", "media_type": "2"}
        container.metadata.update({name: value for name, value in names.items() if value})
        container.set_chapters(
            [
                {
                    "id": track.number,
                    "start": round(1000 * track.start_s),
                    "end": round(1000 * track.end_s),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": track.title},
                }
                for track in tracks
            ]
        )
        if cover is not None:
            packet = av.Packet(book.cover.data)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
            packet.time_base = Fraction(1, 90000)
            container.mux(packet)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])


BRANDS = {"major_brand", "minor_version", "compatible_brands"}
NAMES = {"handler_name", "vendor_id"}


def seen(path, **options):
    """What FFmpeg finds in a file, and the samples that it decodes."""
    with av.open(str(path), container_options=options) as container:
        facts = {
            "microseconds": container.duration,
            "tags": {k: v for k, v in container.metadata.items() if k not in BRANDS},
            "chapters": [
                (
                    float(c["start"] * c["time_base"]),
                    float(c["end"] * c["time_base"]),
                    c["metadata"],
                )
                for c in container.chapters()
            ],
            "streams": [
                {
                    "kind": stream.type,
                    "codec": stream.codec_context and stream.codec_context.name,
                    "disposition": int(stream.disposition),
                    "tags": {k: v for k, v in stream.metadata.items() if k not in NAMES},
                    "rate": str(stream.time_base),
                    "length": stream.duration if stream.type != "video" else None,
                    "count": stream.frames,
                    "start": stream.start_time,
                }
                for stream in container.streams
            ],
        }
        sound = container.streams.audio[0]
        packets = [(p.pts, p.duration, bytes(p)) for p in container.demux(sound) if p.size]
    with av.open(str(path)) as container:
        facts["pictures"] = (
            [bytes(p) for p in container.demux(video=0) if p.size]
            if (container.streams.video)
            else []
        )
    with av.open(str(path)) as container:
        samples = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return facts, packets, np.concatenate(samples)


@pytest.mark.parametrize("length", [24000, 23552, 23551, 23553, 700, 150_000])
@pytest.mark.parametrize("picture", ["", "image/png", "image/jpeg"])
def test_as_ffmpeg_writes_it(tmp_path, length, picture):
    cover = Cover({"image/png": png(), "image/jpeg": JPEG}[picture], picture) if picture else None
    book = Book("The Mill", ("A. Tester", "B"), (), "en", cover, "2026-01-02", "", "Of a mill.")
    samples = np.random.default_rng(0).standard_normal(length).astype(np.float32) * 0.1
    ends = [0.0, length / RATE / 3, length / RATE]
    tracks = [Track(n + 1, f"Part {n + 1} é", ends[n], ends[n + 1]) for n in range(2)]
    by_ffmpeg(tmp_path / "a.m4b", book, tracks, samples, RATE)
    m4b.write(tmp_path / "b.m4b", book, tracks, iter([samples[:500], samples[500:]]), RATE)
    (theirs, packets, heard), (ours, ours_packets, ours_heard) = (
        seen(tmp_path / name) for name in ("a.m4b", "b.m4b")
    )
    assert ours_packets == packets
    assert np.array_equal(ours_heard, heard)
    assert abs(ours.pop("microseconds") - theirs.pop("microseconds")) <= 1000
    rounded = theirs["streams"][0].pop("length")  # its edit list counts milliseconds
    assert ours["streams"][0].pop("length") == length
    assert abs(rounded - length) <= RATE // 1000
    assert ours == theirs


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_rates(tmp_path, rate):
    samples = np.sin(np.arange(2 * rate) * 0.05).astype(np.float32) * 0.3
    tracks = [Track(1, "x", 0.0, 2.0)]
    by_ffmpeg(tmp_path / "a.m4b", Book("x", (), ()), tracks, samples, rate)
    m4b.write(tmp_path / "b.m4b", Book("x", (), ()), tracks, iter([samples]), rate)
    (theirs, packets, heard), (ours, ours_packets, ours_heard) = (
        seen(tmp_path / name) for name in ("a.m4b", "b.m4b")
    )
    assert ours_packets == packets
    assert np.array_equal(ours_heard, heard)
    assert ours["streams"][0]["length"] == theirs["streams"][0]["length"] == 2 * rate
    sound = np.abs(ours_heard[: 2 * rate] - samples)
    assert sound.mean() < 0.02  # nothing is shifted


def test_chapters_of_quicktime_alone(tmp_path):
    """As Apple's players read them: without Nero's list, of which FFmpeg takes the titles first."""
    book = Book("x", (), (), "de")
    data = written(tmp_path / "a.m4b", book, n_tracks=300, rate=8000)
    (tmp_path / "a.m4b").write_bytes(data.replace(b"chpl", b"free"))
    facts = seen(tmp_path / "a.m4b")[0]
    assert facts["chapters"] == [
        (float(n), n + 1.0, {"title": f"Part {n + 1} é"}) for n in range(300)
    ]
    assert [stream["tags"]["language"] for stream in facts["streams"]] == ["deu", "deu"]


def test_nothing_is_left_of_what_failed(tmp_path):
    def broken():
        yield np.zeros(100_000, np.float32)
        raise OutputError("The store is gone.", "Run it again.")

    tracks = [Track(1, "x", 0.0, 2.0)]
    with pytest.raises(OutputError, match="store is gone"):
        m4b.write(tmp_path / "a.m4b", Book("x", (), ()), tracks, broken(), RATE)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match=r"Cannot write a.m4b: No such file"):
        m4b.write(tmp_path / "no" / "a.m4b", Book("x", (), ()), tracks, iter([]), RATE)
