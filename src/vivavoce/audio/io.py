"""Audio files in and out, without torch. Knows containers and sample types, no models."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from vivavoce.audio import formats, media
from vivavoce.audio.encode import BLOCK, open_encoder
from vivavoce.audio.resample import resample_pieces, resampler
from vivavoce.audio.sink import Sink
from vivavoce.errors import AudioError, MissingExtra, OutputError, UnknownFormat, near_misses
from vivavoce.types import Audio


def read(source: str | Path | BinaryIO, sample_rate: int | None = None) -> Audio:
    """A file as mono (the mean of its channels), at `sample_rate` Hz or at its own.

    wav, flac, ogg, opus, mp3, aiff and what else libsndfile knows; m4a, aac, mp4, webm with the
    extra `media`. A float file's values beyond 1 are kept. Decoded piece by piece: only the mono
    result is held. Raises AudioError (missing, empty, damaged, NaN), UnknownFormat, MissingExtra.
    """
    name = getattr(source, "name", "the stream") if hasattr(source, "read") else source
    rate, pieces = _decode(source, str(name))
    wanted = sample_rate or rate
    parts = list(resample_pieces(pieces, rate, wanted))
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if not len(samples):
        raise AudioError(f"{name} holds no samples.", "Give a file with something in it.")
    if not np.isfinite(samples).all():
        raise AudioError(f"{name} holds NaN or infinite samples.", "Export it again.")
    return Audio(samples, wanted)


class _Forward(soundfile.SoundFile):
    """Read from beginning to end: seeking after each piece fails in a FLAC of unknown length."""

    def seekable(self) -> bool:
        return False


def _decode(source: str | Path | BinaryIO, name: str) -> tuple[int, Iterator[NDArray[np.float32]]]:
    if isinstance(source, (str, Path)):
        path = Path(source)
        if path.is_dir() or not path.exists():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise AudioError(f"{name} {what}.", "Give the path of an audio file.")
        if not path.is_file():  # a named pipe can be read only once, from the start
            source = io.BytesIO(path.read_bytes())
    elif not source.seekable():
        source = io.BytesIO(source.read())
    suffix = Path(name).suffix.lower().removeprefix(".")
    try:
        file = _Forward(source)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        if not isinstance(source, (str, Path)):
            source.seek(0)
        try:
            return media.decode(source)
        except MissingExtra:
            if suffix in formats.MEDIA_SUFFIXES:
                raise
            raise _not_audio(name, suffix, error) from error
        except AudioError as second:
            raise _not_audio(name, suffix, second) from error
    return file.samplerate, _blocks(file, name)


def _not_audio(name: str, suffix: str, error: Exception) -> AudioError | UnknownFormat:
    known = {*formats.FORMATS, *formats.MEDIA_SUFFIXES, "aiff", "aif", "au", "caf", "oga", "w64"}
    if suffix in known or not suffix:
        if isinstance(error, AudioError):
            return error
        return AudioError(f"Cannot decode {name}: {error}", "Give a whole audio file.")
    advice = near_misses(suffix, known) or "Give a wav, flac, ogg, opus, mp3 or m4a file."
    return UnknownFormat(f"Cannot read {name}: no audio format that is known.", advice)


def _blocks(file: soundfile.SoundFile, name: str) -> Iterator[NDArray[np.float32]]:
    with file:
        try:
            while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                yield block.mean(axis=1, dtype=np.float32)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"Cannot decode {name}: {error}", "Give a whole audio file."
            ) from error


def write(target: str | Path | BinaryIO, audio: Audio, format: str | None = None) -> int:  # noqa: A002
    """Writes one file; returns how many samples were beyond 1 and were clipped.

    `format` (`wav` 16 bit, `wav-float`, `flac`, `ogg`, `opus`, `mp3`, `m4a`) defaults to the path's
    suffix, and to wav for a binary stream. A path is replaced when all is written, or untouched.
    Raises OutputError, AudioError (NaN or infinite samples), UnknownFormat, MissingExtra.
    """
    with StreamWriter(target, audio.sample_rate, format) as writer:
        writer.write(audio.samples)
    return writer.clipped


class StreamWriter:
    """Writes samples piece by piece, in memory that does not grow, to a path or a binary stream.

    As a context manager: closed on success, given up on an exception. A path appears when `close`
    succeeds; after any error nothing of it is left. To a pipe, wav says its length is unknown.
    Rates that a format cannot hold are converted to the next one it can. `clipped` counts samples
    beyond 1, which integer and lossy formats clip. Raises as `write` does.
    """

    def __init__(
        self,
        target: str | Path | BinaryIO,
        sample_rate: int,
        format: str | None = None,  # noqa: A002 - the word everybody uses
    ) -> None:
        self.format = formats.find(target, format)
        self.clipped = 0
        rate = self.format.rate_for(sample_rate)
        self._resampler = resampler(sample_rate, rate) if rate != sample_rate else None
        self._sink = Sink(target)
        self._open = True
        with self._giving_up_on_error():
            self._encoder = open_encoder(self.format, self._sink, rate)
            self._sink.check()

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
                tail = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
                self._encoder.write(np.clip(tail, -1.0, 1.0))
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
            raise AudioError("The samples hold NaN or infinity.", "Nothing was written.")
        return block

    def _encode(self, block: NDArray[np.float32]) -> None:
        if self.format.clips:
            self.clipped += int(np.count_nonzero(np.abs(block) > 1.0))
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        self._encoder.write(np.clip(block, -1.0, 1.0) if self.format.clips else block)
