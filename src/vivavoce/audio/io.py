"""Audio files in and out, without torch."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import formats
from vivavoce.audio.containers import cut_off
from vivavoce.audio.decode import decode, guarded, opened
from vivavoce.audio.encode import BLOCK, PLAIN, Encoding, open_encoder
from vivavoce.audio.findings import Finding, Recorded
from vivavoce.audio.limits import LONGEST_S, RecordingLimits
from vivavoce.audio.mix import Mixer, only
from vivavoce.audio.resample import resample_pieces, resampler
from vivavoce.audio.sink import Sink
from vivavoce.errors import AudioError, OutputError
from vivavoce.types import Audio

LEAST_MISSING_S = 0.1
"""Decoders round lengths to whole frames: less than this and 2 % is not missed."""


def read(
    source: str | Path | BinaryIO, sample_rate: int | None = None, *, longest_s: float = LONGEST_S
) -> Recorded:
    """Read a file as mono, at `sample_rate` Hz or its own rate, with findings about the file.

    wav, flac, ogg, opus, mp3, aiff and other formats of libsndfile; m4a, aac, mp4, webm with the
    extra `media`. Channels are averaged; if they cancel each other, the loudest is used. A float
    file's values beyond 1 are kept. Decoded piece by piece: only the mono result is held, and no
    more than `longest_s` of it is read (`RecordingLimits` says how much that is at high rates).
    The findings are about the file (truncated, channels); `check_recording` checks the sound.
    Raises AudioError (missing, empty, damaged, too long, NaN), UnknownFormat, MissingExtra.
    """
    given = getattr(source, "name", "the stream") if hasattr(source, "read") else source
    name = str(given)
    limits = RecordingLimits(longest_s=longest_s)
    with guarded(name), opened(source, name) as handle:
        decoded = decode(handle, name, limits)
        rate, mixer = decoded.sample_rate, Mixer(decoded.n_channels)
        wanted = sample_rate or rate
        samples, read_s = _collected(mixer.mean(decoded.blocks), rate, wanted)
        if not len(samples):
            raise AudioError(f"{name} holds no samples.", "Give a file that holds audio.")
        if not np.isfinite(samples).all():
            raise AudioError(f"{name} holds NaN or infinite samples.", "Export it again.")
        fault = mixer.fault()
        if fault is not None:
            del samples  # not held twice
            again = decode(handle, name, limits)
            samples, _ = _collected(only(again.blocks, mixer.loudest), rate, wanted)
        missing = decoded.declared_s - read_s > LEAST_MISSING_S + 0.02 * decoded.declared_s
        cut = _cut_off(read_s) if missing or cut_off(handle) else None
    found = tuple(finding for finding in (cut, fault) if finding is not None)
    return Recorded(samples, wanted, Path(name).name, found)


def _collected(
    pieces: Iterator[NDArray[np.float32]], rate: int, wanted: int
) -> tuple[NDArray[np.float32], float]:
    """Pieces as one array `[S]` at the wanted rate, and the seconds that they were."""
    n_read = 0

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal n_read
        for piece in pieces:
            n_read += len(piece)
            yield piece

    parts = deque(resample_pieces(counted(), rate, wanted))
    samples, end = np.empty(sum(len(part) for part in parts), np.float32), 0
    while parts:  # let each part go, so that nothing is held twice
        part = parts.popleft()
        samples[end : end + len(part)] = part
        end += len(part)
    return samples, n_read / rate


def _cut_off(read_s: float) -> Finding:
    return Finding("truncated", read_s, "s", "Copy or download the file again.")


def write(target: str | Path | BinaryIO, audio: Audio, format: str | None = None) -> int:  # noqa: A002
    """Write one file; returns how many samples were beyond 1 and were clipped.

    `format` (`wav` 16 bit, `wav-float`, `flac`, `ogg`, `opus`, `mp3`, `pcm` 16 bit without a
    header, `m4a`, `aac`) defaults to the path's suffix, and to wav for a binary stream. An existing
    file is replaced only after a complete write.
    Raises OutputError, AudioError (NaN or infinite samples), UnknownFormat, MissingExtra.
    """
    with StreamWriter(target, audio.sample_rate, format) as writer:
        writer.write(audio.samples)
    return writer.clipped


class StreamWriter:
    """Writes samples piece by piece, in memory that does not grow, to a path or a binary stream.

    As a context manager: closed on success, given up on an exception. A path appears when `close`
    succeeds; after an error nothing of it is left. To a pipe, wav says its length is unknown.
    Rates that a format cannot hold are converted to the next one it can; `file_rate` (Hz) asks for
    one that it can (else UsageError). `clipped` counts samples beyond 1, which integer and lossy
    formats clip. Raises as `write` does.
    """

    def __init__(
        self,
        target: str | Path | BinaryIO,
        sample_rate: int,
        format: str | None = None,  # noqa: A002 - the word everybody uses
        *,
        file_rate: int | None = None,
        encoding: Encoding = PLAIN,
    ) -> None:
        self.format = formats.find(target, format)
        self.clipped = 0
        self.sample_rate = self.format.rate_for(sample_rate)
        if file_rate is not None:
            self.sample_rate = self.format.require_rate(file_rate)
        stays = self.sample_rate == sample_rate
        self._resampler = None if stays else resampler(sample_rate, self.sample_rate)
        self._sink = Sink(target)
        self._open = True
        with self._giving_up_on_error():
            self._encoder = open_encoder(self.format, self._sink, self.sample_rate, encoding)
            self._sink.check()

    @property
    def folder(self) -> Path | None:
        """Where the file is being made; None for a stream or a device."""
        path = self._sink.path
        return path.parent if path else None

    def write(self, samples: NDArray[np.floating]) -> None:
        """Appends `[S]` samples."""
        if not self._open:
            raise OutputError(f"{self._sink.name} is closed already.", "Open another writer.")
        with self._giving_up_on_error():
            for start in range(0, len(samples), BLOCK):
                self._encode(self._checked(samples[start : start + BLOCK]))
            self._sink.flush()

    def close(self) -> None:
        """Finishes the file. Closing twice does nothing."""
        if not self._open:
            return
        with self._giving_up_on_error():
            if self._resampler is not None:
                self._put(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
            self._encoder.close()
            self._sink.commit()
        self._open = False

    def abort(self) -> None:
        """Gives up: the path is as it was before."""
        if not self._open:
            return
        self._open = False
        if hasattr(self, "_encoder"):
            with contextlib.suppress(Exception):
                self._encoder.close()
        self._sink.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @contextlib.contextmanager
    def _giving_up_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abort()
            self._sink.check()  # an encoder's complaint comes from the disk, if that complained
            raise

    def _checked(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        block = np.ascontiguousarray(samples, dtype=np.float32)
        if block.ndim != 1:
            raise AudioError(f"Samples of shape {block.shape} are not mono.", "Give shape [S].")
        if not np.isfinite(block).all():
            raise AudioError("The samples hold NaN or infinity.", "Check where they come from.")
        return block

    def _encode(self, block: NDArray[np.float32]) -> None:
        if self.format.clips:
            self.clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        self._put(block if self._resampler is None else self._resampler.resample_chunk(block))

    def _put(self, block: NDArray[np.float32]) -> None:
        self._encoder.write(np.clip(block, -1.0, 1.0) if self.format.clips else block)
