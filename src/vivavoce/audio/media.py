"""AAC and what else needs FFmpeg, through PyAV (extra `media`), imported when it is used."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.containers import Decoded
from vivavoce.audio.formats import Format
from vivavoce.audio.sink import Sink
from vivavoce.errors import AudioError, MissingExtra

BIT_RATE = 96_000
FRAGMENTS = {"movflags": "delay_moov", "frag_duration": "500000"}  # microseconds
BLOCK = 1 << 16

ONLY = ("mov", "matroska", "aac", "asf", "amr", "avi")
"""Containers that libsndfile cannot read. Nothing else than these and its own is opened."""

TIMED = ("mov", "matroska", "asf", "avi")
"""Containers that say how long they are; of others FFmpeg guesses it from the bit rate."""

ALLOWED = (*ONLY, "wav", "aiff", "caf", "flac", "mp3", "ogg")
"""Demuxers that read one file and name no other; playlists and scripts are not among them. The
last hold encodings that libsndfile does not know."""

NO_PROTOCOL = "none"
"""The whitelist of what FFmpeg may open by itself, a name that no protocol has."""


def require_av() -> ModuleType:
    """PyAV, or MissingExtra."""
    try:
        import av
    except ImportError as error:
        raise MissingExtra(
            "This audio format needs FFmpeg.", "Install it: pip install 'vivavoce[media]'."
        ) from error
    return av


def decode(handle: BinaryIO, kind: str, name: str) -> Decoded:
    """The first audio stream of an open file whose container is `kind`, one of `ALLOWED`.

    FFmpeg gets neither a path nor the choice of a format, and may open nothing else.
    Raises AudioError, also while the blocks are read, and MissingExtra.
    """
    if kind not in ALLOWED:
        raise AudioError(f"{name} is not in a supported audio format.", "Give a wav or m4a file.")
    av = require_av()
    handle.seek(0)
    with _readable(av, name), contextlib.ExitStack() as stack:
        options = {"protocol_whitelist": NO_PROTOCOL, "format_whitelist": kind}
        container = av.open(_Nameless(handle), format=kind, options=options)
        stack.callback(container.close)
        if not container.streams.audio:
            raise AudioError(f"{name} holds no audio.", "Give a file with an audio stream.")
        codec = container.streams.audio[0].codec_context
        if codec is None:
            raise AudioError(f"{name} has an unknown audio codec.", "Export it again as wav.")
        rate, n_channels = int(codec.sample_rate or 0), int(codec.channels or 0)
        length = (container.duration or 0) if kind in TIMED else 0
        declared_s = max(0.0, length / av.time_base)
        stack.pop_all()  # from here on the blocks close the container
        return Decoded(rate, n_channels, _frames(av, container, name), declared_s)


class _Nameless(io.RawIOBase):
    """What FFmpeg needs of a file, without the name that it would take for an address."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, n: int = -1) -> bytes:
        return self._handle.read(n)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._handle.seek(offset, whence)

    def tell(self) -> int:
        return self._handle.tell()


def _frames(av: ModuleType, container: object, name: str) -> Iterator[NDArray[np.float32]]:
    planar = av.AudioResampler(format="fltp")
    with container, _readable(av, name):  # type: ignore[attr-defined]
        for frame in container.decode(audio=0):  # type: ignore[attr-defined]
            for part in planar.resample(frame):
                yield part.to_ndarray().T


@contextlib.contextmanager
def _readable(av: ModuleType, name: str) -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise AudioError(
            f"Cannot decode {name}: {reason}.", "Give a complete audio file."
        ) from error


class MediaEncoder:
    """AAC in an MP4 container or bare; MP4 is cut into fragments where a sink cannot go back."""

    def __init__(self, form: Format, sink: Sink, sample_rate: int) -> None:
        av = require_av()
        self._av = av
        self._rate = sample_rate
        self._position = 0
        bare = form.container == "adts"
        streamed = {} if sink.seekable() or bare else FRAGMENTS
        container = form.container if sink.seekable() or bare else "mp4"
        self._container = av.open(sink, "w", format=container, container_options=streamed)
        self._stream = self._container.add_stream("aac", rate=sample_rate, layout="mono")
        self._stream.bit_rate = BIT_RATE

    def write(self, samples: NDArray[np.float32]) -> None:
        for start in range(0, len(samples), BLOCK):
            block = np.ascontiguousarray(samples[None, start : start + BLOCK])
            frame = self._av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._position
            self._position += block.shape[1]
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        if self._position:
            self._container.mux(self._stream.encode(None))
        self._container.close()
