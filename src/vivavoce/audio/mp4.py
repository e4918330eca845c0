"""An MP4 file of one mono AAC track with chapters, tags and a cover, whose memory hardly grows.

A frame costs four bytes here: its size. FFmpeg's muxer keeps a record of about a hundred bytes
for each. Clauses are those of ISO/IEC 14496-12:2015 unless another part is named; the chapters'
track and the tags are Apple's (QuickTime File Format, iTunes), the second list of chapters Nero's.
Nothing depends on the day: dates are zero, which means that they are not known.
"""

from __future__ import annotations

import shutil
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO

import numpy as np

PER_CHUNK = 128
"""Frames for which the place in the file is written down once."""
U32 = 0xFFFF_FFFF
ROOM = 1 << 28
"""For all that is not audio: of 140 hours the tables take 50 MB, and a book may have pictures."""
NERO_CHAPTERS, NERO_BYTES = 255, 255
"""What Nero's list counts in a byte: chapters, and the bytes of a title."""
TEXT_BYTES = 1 << 15
GRAPHICS = struct.pack(">4H4x", 0x40, *[1 << 15] * 3)
"""Text is not mixed with pictures (QuickTime's gmin)."""
MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
"""Pictures are not turned (8.2.2)."""
SOUND, TEXT = 1, 2
"""The tracks' numbers."""
UNKNOWN = "und"

Parts = list[bytes | memoryview]


@dataclass(frozen=True)
class AacTrack:
    """What is known of the track: `config` is the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).

    `frame` is the samples of a frame, `last` those of the last one; the first `priming` samples
    are the encoder's own. `language` is one of ISO 639-2.
    """

    rate: int
    bit_rate: int
    config: bytes
    frame: int
    last: int
    priming: int
    language: str = UNKNOWN


@dataclass(frozen=True)
class Labels:
    """`chapters` are the milliseconds where they begin, the first at 0, and titles; `end_ms` is
    where the last one ends. `tags` by their four letters: text, small numbers, PNG or JPEG.
    """

    chapters: Sequence[tuple[int, str]]
    end_ms: int
    tags: Mapping[bytes, str | int | bytes] = field(default_factory=dict)


class Frames:
    """The frames of a track, in an open file that is the caller's and was empty."""

    def __init__(self, spool: IO[bytes]) -> None:
        self.sizes = array("I")
        self._spool = spool

    def add(self, frame: bytes) -> None:
        self._spool.write(frame)
        self.sizes.append(len(frame))

    def write(self, path: Path, sound: AacTrack, labels: Labels) -> None:
        """The file; its beginning says where everything lies. Raises OSError."""
        self._spool.seek(0)
        with path.open("wb") as target:
            target.writelines(beginning(self.sizes, sound, labels))
            shutil.copyfileobj(self._spool, target, 1 << 20)


def beginning(sizes: array[int], sound: AacTrack, labels: Labels) -> Parts:
    """All that stands before the frames. Places take 64 bits only where 32 may be too few."""
    brands = box(b"ftyp", b"M4B ", bytes(4), b"M4B M4A mp42iso2")  # 4.3
    titles = [_text(title) for _, title in labels.chapters]
    length = sum(map(len, titles)) + sum(sizes)
    wide = length + ROOM > U32
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + length)  # 4.2
    head = large if wide else struct.pack(">I4s", 8 + length, b"mdat")
    begin = _size(brands) + _size(_movie(sizes, sound, labels, titles, 0, wide)) + len(head)
    return [*brands, *_movie(sizes, sound, labels, titles, begin, wide), head, *titles]


def box(kind: bytes, *content: bytes | Parts) -> Parts:
    """4.2; its parts are not joined, so the table of sizes exists once."""
    parts: Parts = []
    for each in content:
        parts += each if isinstance(each, list) else [each]
    return [struct.pack(">I4s", 8 + _size(parts), kind), *parts]


def full(kind: bytes, *content: bytes | Parts, version: int = 0, flags: int = 0) -> Parts:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def _size(parts: Parts) -> int:
    return sum(map(len, parts))


def _dated(kind: bytes, before: bytes, duration: int, after: bytes, flags: int = 0) -> Parts:
    """A box that begins with two dates (8.2.2, 8.3.2, 8.4.2)."""
    width = 8 if duration > U32 else 4
    content = bytes(2 * width) + before + duration.to_bytes(width) + after
    return full(kind, content, version=int(width == 8), flags=flags)


def _movie(
    sizes: array[int], sound: AacTrack, labels: Labels, titles: list[bytes], begin: int, wide: bool
) -> Parts:
    """8.2.1. `begin` is the place of the titles, which the frames follow."""
    total = sound.frame * (len(sizes) - 1) + sound.last if sizes else 0
    heard = max(0, total - sound.priming)
    shown = -(-labels.end_ms * sound.rate // 1000)
    rest = struct.pack(">IH10x", 1 << 16, 1 << 8) + MATRIX + bytes(24) + _u32(TEXT + 1)
    return box(
        b"moov",
        _dated(b"mvhd", _u32(sound.rate), max(heard, shown), rest),
        _track(
            SOUND,
            (heard, sound.rate, total, sound.language),
            (_edit(heard, sound.priming), box(b"tref", box(b"chap", _u32(TEXT)))),  # 8.3.3
            (b"soun", full(b"smhd", bytes(4))),  # 12.2.2
            _sound_table(sizes, sound, total, begin + sum(map(len, titles)), wide),
        ),
        _track(
            TEXT,
            (shown, 1000, labels.end_ms, sound.language),
            (),
            (b"text", box(b"gmhd", full(b"gmin", GRAPHICS), box(b"text", MATRIX))),
            _text_table(titles, labels, begin, wide),
        ),
        box(b"udta", _tags(labels), _nero(labels.chapters)),  # 8.10.1
    )


def _track(
    number: int,
    lengths: tuple[int, int, int, str],
    links: Sequence[Parts],
    kind: tuple[bytes, Parts],
    table: Parts,
) -> Parts:
    """8.3.1. `lengths` are that in the movie, ticks a second, that in ticks, and the language.

    The chapters' track is not enabled: it is no subtitle.
    """
    shown, rate, total, language = lengths
    audible = number == SOUND
    after = struct.pack(">12xH2x", audible << 8) + MATRIX + bytes(8)
    packed = sum((ord(c) - 0x60) << 5 * place for place, c in enumerate(reversed(language)))
    handler = struct.pack(">4x4s12xx", kind[0])  # 8.4.3; it has no name
    here = box(b"dinf", full(b"dref", _u32(1), full(b"url ", flags=1)))  # 8.7.1: in this file
    return box(
        b"trak",
        _dated(b"tkhd", _u32(number) + bytes(4), shown, after, flags=2 | audible),
        *links,
        box(
            b"mdia",
            _dated(b"mdhd", _u32(rate), total, struct.pack(">2H", packed, 0)),
            full(b"hdlr", handler),
            box(b"minf", kind[1], here, table),
        ),
    )


def _sound_table(sizes: array[int], sound: AacTrack, total: int, begin: int, wide: bool) -> Parts:
    """8.5.1, and that a frame needs the one before it to be right (8.9.2, 10.1)."""
    rate = 8 * sum(sizes) * sound.rate // max(1, total)
    decoder = struct.pack(">BB3sII", 0x40, 0x15, (768).to_bytes(3), sound.bit_rate, rate)
    decoder = _described(4, decoder + _described(5, sound.config))  # ISO/IEC 14496-1, 7.2.6.6
    stream = _described(3, bytes(3) + decoder + _described(6, b"\2"))  # 7.2.6.5; 14496-14, 3.1.2
    fields = struct.pack(">6xH8xHHIHH", 1, 1, 16, 0, sound.rate if sound.rate <= 0xFFFF else 0, 0)
    entry = box(b"mp4a", fields, full(b"esds", stream))  # 12.2.3; 14496-14, 5.6
    n = len(sizes)
    spans = [(count, span) for count, span in ((n - 1, sound.frame), (1, sound.last)) if count > 0]
    chunks, rest = divmod(n, PER_CHUNK)
    runs = [(1, PER_CHUNK, 1)] * (chunks > 0) + [(chunks + 1, rest, 1)] * (rest > 0)
    chunk_sizes = (sum(sizes[at : at + PER_CHUNK]) for at in range(0, n, PER_CHUNK))
    places = list(accumulate(chunk_sizes, initial=begin))[:-1]
    rolls = full(b"sgpd", b"roll", _u32(2), _u32(1), struct.pack(">h", -1), version=1)
    rolling = full(b"sbgp", b"roll", _u32(1), _u32(n), _u32(1))
    return _table(entry, spans, runs, sizes, places, wide, rolls, rolling)


def _text_table(titles: list[bytes], labels: Labels, begin: int, wide: bool) -> Parts:
    """One sample a chapter, all in one chunk."""
    fields = struct.pack(">6xHI40x", 1, 1)  # QuickTime's text: as it is, without a box or a font
    starts = [start for start, _ in labels.chapters]
    spans = [(1, end - start) for start, end in pairwise([*starts, labels.end_ms])]
    sizes = array("I", map(len, titles))
    return _table(box(b"text", fields), spans, [(1, len(titles), 1)], sizes, [begin], wide)


def _table(
    entry: Parts,
    spans: Sequence[tuple[int, int]],
    runs: Sequence[tuple[int, int, int]],
    sizes: array[int],
    places: Sequence[int],
    wide: bool,
    *more: Parts,
) -> Parts:
    """8.5.1: what the samples are (8.5.2), how long (8.6.1.2), in which chunks (8.7.4), how large
    (8.7.3) and where (8.7.5).
    """
    kind = ">u8" if wide else ">u4"
    table = memoryview(np.array(sizes).astype(">u4").data).cast("B")
    return box(
        b"stbl",
        full(b"stsd", _u32(1), entry),
        full(b"stts", _u32(len(spans)), *(struct.pack(">2I", *span) for span in spans)),
        full(b"stsc", _u32(len(runs)), *(struct.pack(">3I", *run) for run in runs)),
        full(b"stsz", _u32(0), _u32(len(sizes)), [table]),
        full(b"co64" if wide else b"stco", _u32(len(places)), np.array(places, kind).tobytes()),
        *more,
    )


def _edit(heard: int, priming: int) -> Parts:
    """8.6.6: what the encoder put before the samples is not heard."""
    wide = heard > U32
    entry = struct.pack(">IQqHH" if wide else ">IIiHH", 1, heard, priming, 1, 0)
    return box(b"edts", full(b"elst", entry, version=int(wide)))


def _described(tag: int, content: bytes) -> bytes:
    """A descriptor, its length in four bytes of seven bits (ISO/IEC 14496-1, 8.3.3)."""
    length = [len(content) >> 7 * place & 0x7F | 0x80 * (place > 0) for place in (3, 2, 1, 0)]
    return bytes([tag, *length]) + content


def _text(title: str) -> bytes:
    """A chapter's sample: its length, the title, and that it is UTF-8."""
    text = _cut(title, TEXT_BYTES)
    return struct.pack(">H", len(text)) + text + struct.pack(">I4sI", 12, b"encd", 0x100)


def _nero(chapters: Sequence[tuple[int, str]]) -> Parts:
    """Beginnings in units of 100 ns, and titles."""
    listed = [(start, _cut(title, NERO_BYTES)) for start, title in chapters[:NERO_CHAPTERS]]
    rows = (struct.pack(">QB", 10_000 * start, len(title)) + title for start, title in listed)
    return full(b"chpl", struct.pack(">IB", 0, len(listed)), *rows, version=1)


def _tags(labels: Labels) -> Parts:
    """8.11.1, with a box for each tag."""
    handler = full(b"hdlr", struct.pack(">4x4s4s9x", b"mdir", b"appl"))
    made = [box(name, _value(value)) for name, value in labels.tags.items()]
    return full(b"meta", handler, box(b"ilst", *made))


def _value(value: str | int | bytes) -> Parts:
    """What it is by Apple's numbers, and its bytes."""
    if isinstance(value, bytes):
        return box(b"data", _u32(14 if value.startswith(b"\x89PNG") else 13), bytes(4), value)
    if isinstance(value, int):
        return box(b"data", _u32(21), bytes(4), bytes([value]))
    return box(b"data", _u32(1), bytes(4), value.encode("utf-8", "replace"))


def _cut(text: str, most: int) -> bytes:
    """As many whole characters as fit."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore").encode()


def _u32(value: int) -> bytes:
    return struct.pack(">I", value)
