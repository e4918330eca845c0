"""The m4b file, read box by box."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.book.books import png
from vivavoce.audio import io
from vivavoce.book import Book, Cover, m4b
from vivavoce.book.outputs import Track

pytest.importorskip("av")

RATE = 24000


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
    jpeg = bytes.fromhex("ffd8ffe000040000ffc0000b080007000901") + bytes(8)
    assert m4b.picture_size(png(5, 6)) == (5, 6)
    assert m4b.picture_size(jpeg) == (9, 7)
    assert m4b.picture_size(b"GIF89a") is None
    assert m4b.picture_size(b"\xff\xd8\xff\xd9") is None
