"""Encoders: samples in, bytes of one file format out to a sink."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from vivavoce.audio.formats import Format
from vivavoce.audio.media import MediaEncoder
from vivavoce.audio.sink import Sink

BLOCK = 1 << 16
"""Samples encoded at a time: libsndfile's Vorbis encoder keeps a whole call on the stack."""

UNKNOWN_SIZE = 0xFFFFFFFF


class Encoder(Protocol):
    """`write` takes finite float32 `[S]`; `close` writes what is held back, and the tail."""

    def write(self, samples: NDArray[np.float32]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Encoding:
    """What else a file has: `bit_rate` is that of MP3, constant; `tags` by libsndfile's names
    (title, artist, album, tracknumber, genre, comment, date), where a format has them.
    """

    bit_rate: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


PLAIN = Encoding()
LOWEST_MP3, HIGHEST_MP3 = 32_000, 320_000


def open_encoder(form: Format, sink: Sink, sample_rate: int, encoding: Encoding = PLAIN) -> Encoder:
    """Raises MissingExtra when the format needs FFmpeg and it is not installed."""
    if form.media:
        return MediaEncoder(form, sink, sample_rate)
    if form.container == "RAW":
        return RawStream(sink)
    if form.container == "WAV" and not sink.seekable():
        return WavStream(form, sink, sample_rate)
    return FileEncoder(form, sink, sample_rate, encoding)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Full scale is 32768, as when reading: a 16-bit file read and written is the same file."""
    scaled = np.rint(samples * np.float32(32768.0))
    return np.clip(scaled, -32768, 32767).astype(np.int16)


class FileEncoder:
    """Every format of libsndfile."""

    def __init__(
        self, form: Format, sink: Sink, sample_rate: int, encoding: Encoding = PLAIN
    ) -> None:
        self._integer = form.integer
        # A stream has no table of contents, without which only a constant rate tells the length.
        asked = encoding.bit_rate if form.container == "MP3" else None
        constant = asked is not None or (form.container == "MP3" and not sink.seekable())
        level = 0.5 if asked is None else (HIGHEST_MP3 - asked) / (HIGHEST_MP3 - LOWEST_MP3)
        self._file = soundfile.SoundFile(
            sink,  # type: ignore[arg-type] - a file to write to needs no more than a Sink has
            "w",
            sample_rate,
            channels=1,
            subtype=form.subtype,
            format=form.container,
            compression_level=level if constant else None,
            bitrate_mode="CONSTANT" if constant else None,
        )
        for name, value in encoding.tags.items():
            setattr(self._file, name, value)

    def write(self, samples: NDArray[np.float32]) -> None:
        for start in range(0, len(samples), BLOCK):
            block = samples[start : start + BLOCK]
            self._file.write(to_int16(block) if self._integer else block)

    def close(self) -> None:
        self._file.close()


class RawStream:
    """Samples and nothing else: 16 bit, little-endian, for programs that are told the rate."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, samples: NDArray[np.float32]) -> None:
        self._sink.write(to_int16(samples).astype("<i2").tobytes())

    def close(self) -> None:
        return None


class WavStream:
    """WAV for a pipe: the header says that the length is unknown, as players understand it."""

    def __init__(self, form: Format, sink: Sink, sample_rate: int) -> None:
        self._sink = sink
        self._integer = form.integer
        code, width = (1, 2) if form.integer else (3, 4)
        sizes = code, 1, sample_rate, sample_rate * width, width, width * 8
        head = struct.pack("<4sI4s", b"RIFF", UNKNOWN_SIZE, b"WAVE")
        body = struct.pack("<4sIHHIIHH", b"fmt ", 16, *sizes)
        sink.write(head + body + struct.pack("<4sI", b"data", UNKNOWN_SIZE))

    def write(self, samples: NDArray[np.float32]) -> None:
        values = to_int16(samples).astype("<i2") if self._integer else samples.astype("<f4")
        self._sink.write(values.tobytes())

    def close(self) -> None:
        return None
