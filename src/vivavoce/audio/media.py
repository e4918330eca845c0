"""AAC and what else needs FFmpeg, through PyAV (extra `media`), imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.formats import Format
from vivavoce.audio.sink import Sink
from vivavoce.errors import AudioError, MissingExtra

BIT_RATE = 96_000
FRAGMENTS = {"movflags": "delay_moov", "frag_duration": "500000"}  # microseconds
BLOCK = 1 << 16


def require_av() -> ModuleType:
    """PyAV, or MissingExtra."""
    try:
        import av
    except ImportError as error:
        raise MissingExtra(
            "This audio format needs FFmpeg.", "Install it: pip install 'vivavoce[media]'."
        ) from error
    return av


def decode(source: str | Path | BinaryIO) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """Sample rate, Hz, and mono pieces `[s]` of the first audio stream. Raises AudioError."""
    av = require_av()
    name = getattr(source, "name", source)
    try:
        container = av.open(str(source) if isinstance(source, (str, Path)) else source)
    except av.error.FFmpegError as error:
        raise _undecodable(name, error) from error
    if not container.streams.audio:
        container.close()
        raise AudioError(f"{name} holds no audio.", "Give a file with an audio stream.")
    return container.streams.audio[0].rate, _frames(av, container, name)


def _frames(av: ModuleType, container: object, name: object) -> Iterator[NDArray[np.float32]]:
    planar = av.AudioResampler(format="fltp")
    with container:  # type: ignore[attr-defined]
        try:
            for frame in container.decode(audio=0):  # type: ignore[attr-defined]
                for part in planar.resample(frame):
                    yield part.to_ndarray().mean(axis=0, dtype=np.float32)
        except av.error.FFmpegError as error:
            raise _undecodable(name, error) from error


def _undecodable(name: object, error: Exception) -> AudioError:
    return AudioError(f"Cannot decode {name}: {error}.", "Give a whole audio file.")


class MediaEncoder:
    """AAC in an MP4 container; cut into fragments where the sink cannot go back."""

    def __init__(self, form: Format, sink: Sink, sample_rate: int) -> None:
        av = require_av()
        self._av = av
        self._rate = sample_rate
        self._position = 0
        streamed = {} if sink.seekable() else FRAGMENTS
        container = form.container if sink.seekable() else "mp4"
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
