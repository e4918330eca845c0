"""Samples to the bytes of one file, piece by piece: six formats, each response one container."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from vivavoce.audio.encode import UNKNOWN_SIZE, to_int16
from vivavoce.audio.media import require_av
from vivavoce.audio.resample import resampler

PCM_RATE = 24_000
"""Hz. Clients play `pcm` at this rate whatever the model's own is."""
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
LOSSLESS = ("pcm", "wav", "flac")


class StreamEncoder(Protocol):
    """`feed` takes float32 `[S]` at the model's rate; both give the bytes that are ready."""

    rate: int
    heavy: bool

    def feed(self, samples: np.ndarray) -> bytes: ...

    def finish(self) -> bytes: ...


def open_encoder(form: str, have: int, want: int = PCM_RATE, whole: bool = False) -> StreamEncoder:
    """For a format of `MEDIA_TYPES`. `want` is the rate of lossless formats, Hz.

    `whole`: the caller sends nothing before the end, so sizes in headers are true.
    """
    if form == "pcm":
        return Pcm(have, want)
    if form == "wav":
        return WholeWav(have, want) if whole else Wav(have, want)
    return Media(CODECS[form], have, want, whole)


class Converter:
    """Pieces at one rate as pieces at another, with the state of one signal."""

    def __init__(self, have: int, want: int) -> None:
        self._stream = resampler(have, want) if have != want else None

    def feed(self, samples: np.ndarray) -> np.ndarray:
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))

    def finish(self) -> np.ndarray:
        if self._stream is None:
            return np.zeros(0, np.float32)
        return self._stream.resample_chunk(np.zeros(0, np.float32), last=True)


class Pcm:
    """16 bit, little endian, mono."""

    heavy = False

    def __init__(self, have: int, want: int) -> None:
        self.rate = want
        self._converter = Converter(have, want)

    def feed(self, samples: np.ndarray) -> bytes:
        return to_int16(self._converter.feed(samples)).astype("<i2").tobytes()

    def finish(self) -> bytes:
        return to_int16(self._converter.finish()).astype("<i2").tobytes()


def wav_header(rate: int, size: int | None) -> bytes:
    """44 bytes; `size` of the samples in bytes, None where nobody knows it yet."""
    riff = UNKNOWN_SIZE if size is None else 36 + size
    data = UNKNOWN_SIZE if size is None else size
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + form + struct.pack("<4sI", b"data", data)


class Wav(Pcm):
    """A header of unknown length, then samples as they come."""

    _begun = False

    def feed(self, samples: np.ndarray) -> bytes:
        return self._header() + super().feed(samples)

    def finish(self) -> bytes:
        return self._header() + super().finish()

    def _header(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return wav_header(self.rate, None)


class WholeWav(Pcm):
    """Everything at the end, with true sizes."""

    def __init__(self, have: int, want: int) -> None:
        super().__init__(have, want)
        self._parts: list[bytes] = []

    def feed(self, samples: np.ndarray) -> bytes:
        self._parts.append(super().feed(samples))
        return b""

    def finish(self) -> bytes:
        data = b"".join([*self._parts, super().finish()])
        return wav_header(self.rate, len(data)) + data


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One of FFmpeg's, and how its container is told to stream. `rate` 0: as asked, Hz.

    `options` are the container's, `encoder` the encoder's.
    """

    name: str
    container: str
    bit_rate: int = 0
    rate: int = PCM_RATE
    sample_format: str = "fltp"
    options: dict[str, str] = field(default_factory=dict)
    encoder: dict[str, str] = field(default_factory=dict)


CODECS = {
    "mp3": Codec(
        name="libmp3lame",
        container="mp3",
        bit_rate=96_000,
        options={"write_xing": "0", "id3v2_version": "0"},
        encoder={"reservoir": "0"},  # who joins late or skips can decode every frame
    ),
    "opus": Codec(
        name="libopus",
        container="ogg",
        bit_rate=48_000,
        rate=48_000,
        sample_format="flt",
        options={"page_duration": "20000"},
    ),
    "aac": Codec(name="aac", container="adts", bit_rate=96_000),
    "flac": Codec(
        name="flac", container="flac", rate=0, sample_format="s16", encoder={"frame_size": "2400"}
    ),
}


class Tap:
    """What FFmpeg writes to; it cannot go back, so no length is patched in."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class Media:
    """What FFmpeg encodes. Runs in a thread of its own kind: a piece takes milliseconds."""

    heavy = True

    def __init__(self, codec: Codec, have: int, want: int, whole: bool) -> None:
        av = require_av()
        self._codec, self.rate = codec, codec.rate or want
        self._converter = Converter(have, self.rate)
        self._target: Any = io.BytesIO() if whole else Tap()
        self._whole = whole
        options = codec.options | {"flush_packets": "1"}
        self._container = av.open(self._target, "w", format=codec.container, options=options)
        self._stream = self._container.add_stream(codec.name, rate=self.rate, layout="mono")
        if codec.bit_rate:
            self._stream.bit_rate = codec.bit_rate
        if codec.encoder:
            self._stream.codec_context.options = codec.encoder
        self._frame: Callable[..., Any] = av.AudioFrame.from_ndarray
        self._position = 0

    def feed(self, samples: np.ndarray) -> bytes:
        self._encode(self._converter.feed(samples))
        return b"" if self._whole else self._target.take()

    def finish(self) -> bytes:
        self._encode(self._converter.finish())
        if self._position:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._target.getvalue() if self._whole else self._target.take()

    def _encode(self, samples: np.ndarray) -> None:
        if not len(samples):
            return
        integer = self._codec.sample_format == "s16"
        values = to_int16(samples) if integer else samples.astype(np.float32)
        block = np.ascontiguousarray(values[None])
        frame = self._frame(block, format=self._codec.sample_format, layout="mono")
        frame.sample_rate = self.rate
        frame.pts = self._position
        self._position += len(samples)
        self._container.mux(self._stream.encode(frame))
