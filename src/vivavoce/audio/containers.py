"""What kind of audio file the first bytes announce, and whether its end is missing."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

HEAD = 64
UNKNOWN_SIZES = range(0x7FFFFF00, 0x1_0000_0000)
"""Sizes that programs write which do not know them yet; nobody has recordings of 2 GiB."""

SLACK = 2
"""Bytes of padding that may be missing at the end."""

MOST_CHUNKS = 64
MOVIES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


@dataclass(frozen=True)
class Decoded:
    """`blocks` are `[s, C]` float32; `declared_s` is the length that the file claims, 0: none."""

    sample_rate: int
    n_channels: int
    blocks: Iterator[NDArray[np.float32]]
    declared_s: float = 0.0


def sniff(handle: BinaryIO) -> str:
    """A container's name as FFmpeg spells it, or empty where it is none that holds audio."""
    handle.seek(0)
    head = _after_tag(handle)
    handle.seek(0)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return "avi" if head[8:12] == b"AVI " else "wav"
    for magic, name in (
        (b"OggS", "ogg"),
        (b"fLaC", "flac"),
        (b"FORM", "aiff"),
        (b"caff", "caf"),
        (b".snd", "au"),
        (b"riff", "w64"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"#!AMR", "amr"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
        (b"ADIF", "aac"),
    ):
        if head.startswith(magic):
            return name
    if head[4:8] in MOVIES:
        return "mov"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    return ""


def cut_off(handle: BinaryIO) -> bool:
    """Whether the file is shorter than its header says, or an Ogg stream without its last page."""
    size = handle.seek(0, io.SEEK_END)
    handle.seek(0)
    head = handle.read(HEAD)
    if head[:4] == b"OggS":
        return not _ends_as_ogg(handle, size)
    declared = _end_of_caf(handle) if head[:4] == b"caff" else _declared_size(head)
    return declared - SLACK > size


def _after_tag(handle: BinaryIO) -> bytes:
    """The first bytes behind an ID3v2 tag (id3.org, 3.1: its size has seven bits per byte)."""
    head = handle.read(HEAD)
    if head[:3] != b"ID3" or len(head) < 10:
        return head
    length = sum(
        (byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True)
    )
    handle.seek(10 + length)
    return handle.read(HEAD) or b"\xff\xfb"


def _declared_size(head: bytes) -> int:
    """Bytes of the whole file as its header says; 0 where it says nothing."""
    if len(head) < 32:
        return 0
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        order = "<" if head[:4] == b"RIFF" else ">"
        (size,) = struct.unpack_from(f"{order}I", head, 4)
        return 0 if size in UNKNOWN_SIZES or size == 0 else size + 8
    if head[:4] == b"RF64":
        (size,) = struct.unpack_from("<Q", head, 20)
        return 0 if size >= 1 << 63 else size + 8
    if head[:4] == b"riff":  # Sony Wave64: the size follows a 16-byte name
        (size,) = struct.unpack_from("<Q", head, 16)
        return 0 if size >= 1 << 63 else size
    if head[:4] == b".snd":
        offset, size = struct.unpack_from(">II", head, 4)
        return 0 if size in UNKNOWN_SIZES else offset + size
    return 0


def _end_of_caf(handle: BinaryIO) -> int:
    """Where the samples end (Core Audio Format, chunks of a name and a 64-bit size)."""
    at = 8
    for _ in range(MOST_CHUNKS):
        handle.seek(at)
        head = handle.read(12)
        if len(head) < 12:
            return 0
        name, size = struct.unpack(">4sq", head)
        if size < 0 or name == b"data":
            return max(0, at + 12 + size) if size >= 0 else 0
        at += 12 + size
    return 0


def _ends_as_ogg(handle: BinaryIO, size: int) -> bool:
    """Whether the last page (RFC 3533) is whole and says that it is the last."""
    handle.seek(max(0, size - (1 << 16) - 27 - 255))
    tail = handle.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) - at < 27:
        return False
    n_segments = tail[at + 26]
    page = tail[at:]
    whole = 27 + n_segments + sum(page[27 : 27 + n_segments])
    return bool(page[5] & 4) and len(page) >= whole
