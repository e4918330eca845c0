"""The MP4 writer: box by box, and beside FFmpeg's muxer."""

from __future__ import annotations

import io
import struct
import tracemalloc
from array import array

import pytest

from vivavoce.audio import mp4

BOXES = {"moov", "trak", "mdia", "minf", "stbl", "edts", "udta", "tref", "dinf", "gmhd"}
SOUND = mp4.AacTrack(24000, 64_000, bytes.fromhex("130856e500"), 1024, 320, 1024, "eng")
LABELS = mp4.Labels([(0, "One"), (1500, "Zwei ü")], 3000, {b"\xa9nam": "A", b"stik": 2})


def walk(data: bytes, above: str = "", start: int = 0) -> dict[str, list[bytes]]:
    """What boxes hold, by their path; of both tracks in their order."""
    found: dict[str, list[bytes]] = {}
    place = start
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 16 if size == 1 else 8
        if size == 1:
            size = struct.unpack_from(">Q", data, place + 8)[0]
        assert size >= head
        assert kind == b"mdat" or place + size <= len(data)
        name = f"{above}/{kind.decode('latin-1')}".lstrip("/")
        body = data[place + head : place + size]
        found.setdefault(name, []).append(body)
        if kind.decode("latin-1") in BOXES:
            for inner, bodies in walk(body, name).items():
                found.setdefault(inner, []).extend(bodies)
        place += size
    return found


def numbers(body: bytes, kind: str = "I", skip: int = 8) -> list[int]:
    """Of a table behind its version, flags and count."""
    return [row[0] for row in struct.iter_unpack(f">{kind}", body[skip:])]


def samples(data: bytes, track: int) -> list[bytes]:
    """Found as a player does: by chunk, how many a chunk has, and how large each is."""
    table = {
        name: walk(data)[f"moov/trak/mdia/minf/stbl/{name}"][track]
        for name in ("stsz", "stsc", "stco")
    }
    sizes, places = iter(numbers(table["stsz"], skip=12)), numbers(table["stco"])
    runs = list(struct.iter_unpack(">3I", table["stsc"][8:]))
    found = []
    for number, place in enumerate(places, 1):
        per_chunk = [count for first, count, _ in runs if first <= number][-1]
        for _ in range(per_chunk):
            size = next(sizes)
            found.append(data[place : place + size])
            place += size
    assert next(sizes, None) is None
    return found


def written(tmp_path, contents: list[bytes], sound=SOUND, labels=LABELS) -> bytes:
    frames = mp4.Frames(io.BytesIO())
    for content in contents:
        frames.add(content)
    frames.write(tmp_path / "x.m4b", sound, labels)
    return (tmp_path / "x.m4b").read_bytes()


@pytest.mark.parametrize("count", [1, 127, 128, 129, 256, 1000])
def test_each_frame_is_where_the_tables_say(tmp_path, count):
    contents = [bytes([n % 256]) * (n % 300 + 1) for n in range(count)]
    data = written(tmp_path, contents)
    assert samples(data, 0) == contents
    total = struct.unpack(">I", walk(data)["moov/trak/mdia/mdhd"][0][16:20])[0]
    spans = struct.iter_unpack(">2I", walk(data)["moov/trak/mdia/minf/stbl/stts"][0][8:])
    assert total == 1024 * (count - 1) + 320 == sum(n * span for n, span in spans)
    order = list(walk(data))
    assert (order[0], order[-1]) == ("ftyp", "mdat")


def test_what_the_boxes_say(tmp_path):
    data = written(tmp_path, [b"ab", b"c"])
    found = walk(data)
    assert found["ftyp"] == [b"M4B \0\0\0\0M4B M4A mp42iso2"]
    heads = found["moov/trak/tkhd"]
    assert [struct.unpack_from(">I8xI", head) for head in heads] == [(3, 1), (2, 2)]
    assert found["moov/trak/tref"] == [struct.pack(">I4sI", 12, b"chap", 2)]
    assert [each[8:12] for each in found["moov/trak/mdia/hdlr"]] == [b"soun", b"text"]
    edit = struct.unpack(">IIIiHH", found["moov/trak/edts/elst"][0])
    assert edit == (0, 1, 320, 1024, 1, 0)
    rate, length, language = struct.unpack(">12xIIH2x", found["moov/trak/mdia/mdhd"][0])
    assert (rate, length) == (24000, 1344)
    assert [chr((language >> shift & 31) + 0x60) for shift in (10, 5, 0)] == ["e", "n", "g"]
    first, second = samples(data, 1)
    encoding = struct.pack(">I4sI", 12, b"encd", 0x100)
    assert first == b"\0\3One" + encoding
    assert second == b"\0\7" + "Zwei ü".encode() + encoding
    assert numbers(found["moov/trak/mdia/minf/stbl/stts"][1]) == [1, 1500, 1, 1500]
    nero = b"\1\0\0\0" + struct.pack(">IB", 0, 2) + struct.pack(">QB", 0, 3) + b"One"
    assert found["moov/udta/chpl"] == [nero + struct.pack(">QB", 15_000_000, 7) + "Zwei ü".encode()]
    entry = found["moov/trak/mdia/minf/stbl/stsd"][0]
    assert entry[12:16] == b"mp4a"
    assert entry.endswith(bytes.fromhex("058080800513085 6e500 068080800102".replace(" ", "")))
    dates = [body[4:12] for name in ("moov/mvhd", "moov/trak/tkhd") for body in found[name]]
    assert dates == [bytes(8)] * 3


def test_titles_are_cut_between_characters(tmp_path):
    rows = [(n, "ä" * 200) for n in range(300)]
    data = written(tmp_path, [b"a"], labels=mp4.Labels(rows, 300))
    nero = walk(data)["moov/udta/chpl"][0]
    assert nero[8] == 255
    assert len(nero) == 9 + 255 * (9 + 254)
    assert [text[2:402].decode() for text in samples(data, 1)] == ["ä" * 200] * 300


def test_places_beyond_four_gigabytes():
    sizes = array("I", [1 << 30] * 5)
    slow = mp4.AacTrack(24000, 64_000, b"x", 1 << 28, 1 << 28, 1024)
    head = b"".join(mp4.beginning(sizes, slow, LABELS))
    found = walk(head)
    table = "moov/trak/mdia/minf/stbl"
    assert f"{table}/stco" not in found
    titles = sum(numbers(found[f"{table}/stsz"][1], skip=12))
    assert numbers(found[f"{table}/co64"][0], "Q") == [len(head)]
    assert numbers(found[f"{table}/co64"][1], "Q") == [len(head) - titles]
    size, name, real = struct.unpack_from(">I4sQ", head, len(head) - titles - 16)
    assert (size, name, real) == (1, b"mdat", 16 + titles + (5 << 30))
    small = walk(b"".join(mp4.beginning(sizes[:3], slow, LABELS)))
    assert f"{table}/co64" not in small
    assert numbers(small[f"{table}/stco"][0]) != []


def test_lengths_beyond_32_bits():
    long = mp4.AacTrack(48000, 64_000, b"\x11\x88", 1 << 31, 1 << 31, 1024)
    parts = mp4.beginning(array("I", [1] * 3), long, mp4.Labels([(0, "x")], 1000))
    found = walk(b"".join(parts))
    length = 3 * (1 << 31)
    assert struct.unpack_from(">I20xQ", found["moov/trak/mdia/mdhd"][0]) == (1 << 24, length)
    assert struct.unpack_from(">I20xQ", found["moov/mvhd"][0]) == (1 << 24, length - 1024)
    assert struct.unpack_from(">I16xI4xQ", found["moov/trak/tkhd"][0])[1:] == (1, length - 1024)
    edit = struct.unpack(">IIQqHH", found["moov/trak/edts/elst"][0])
    assert edit == (1 << 24, 1, length - 1024, 1024, 1, 0)


def test_a_long_track_takes_little_memory():
    sizes = array("I", [200]) * 800_000
    tracemalloc.start()
    parts = mp4.beginning(sizes, SOUND, LABELS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(map(len, parts)) > 4 * len(sizes)
    assert peak < 14 * len(sizes)
