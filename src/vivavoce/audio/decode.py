"""Audio files to blocks of samples, within limits; every failure becomes a typed error.

Files are opened here and handed on without their names: no decoder opens another file by itself.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from vivavoce.audio import containers, formats, media
from vivavoce.audio.containers import Decoded
from vivavoce.audio.limits import LARGEST_FILE, RecordingLimits
from vivavoce.errors import AudioError, MissingExtra, UnknownFormat, VivavoceError, near_misses

VALUES_AT_ONCE = 1 << 16
"""Samples of all channels together that are decoded at a time."""


class _Forward(soundfile.SoundFile):
    """Read from beginning to end: seeking after each piece fails in a FLAC of unknown length."""

    def seekable(self) -> bool:
        return False


class _Steady:
    """A file whose methods never raise: libsndfile calls them from C, where errors are lost.

    The first error is kept for `check`; a position before the beginning is one.
    """

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self._error: OSError | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._tried(lambda: self._handle.seek(offset, whence))

    def tell(self) -> int:
        return self._tried(self._handle.tell)

    def read(self, n: int) -> bytes:
        try:
            return self._handle.read(n)
        except (OSError, ValueError) as error:
            self._error = self._error or OSError(str(error))
            return b""

    def write(self, data: bytes) -> int:
        """Asked for by the library, never used."""
        return 0

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _tried(self, work: Callable[[], int]) -> int:
        try:
            return work()
        except (OSError, ValueError) as error:
            self._error = self._error or OSError(str(error))
            return 0


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Any failure of reading becomes AudioError with its cause. The only such place for audio."""
    try:
        yield
    except VivavoceError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioError(f"Cannot read {name}: {reason}.", "Check the file.") from error
    except Exception as error:  # decoders fail in ways of their own
        raise _undecodable(name, error) from error


@contextlib.contextmanager
def opened(source: str | Path | BinaryIO, name: str) -> Iterator[BinaryIO]:
    """A binary file at its start that can seek; pipes are read into memory first.

    Raises AudioError (missing, a folder, 0 bytes, larger than `LARGEST_FILE` from a pipe).
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, (str, Path)):
            path = Path(source)
            if path.is_dir() or not path.exists():
                what = "is a folder" if path.is_dir() else "does not exist"
                raise AudioError(f"{name} {what}.", "Give the path of an audio file.")
            handle: BinaryIO = stack.enter_context(path.open("rb"))
            seekable = path.is_file()
        else:
            handle, seekable = source, source.seekable()
        if not seekable:
            handle = io.BytesIO(_whole(handle, name))
        if handle.seek(0, io.SEEK_END) == 0:
            raise AudioError(f"{name} is empty: the file has 0 bytes.", "Record or copy it again.")
        handle.seek(0)
        yield handle


def decode(handle: BinaryIO, name: str, limits: RecordingLimits) -> Decoded:
    """The audio in an open file, by libsndfile, else by FFmpeg (extra `media`).

    Raises AudioError, UnknownFormat, MissingExtra, here or while the blocks are read.
    """
    handle.seek(0)
    kind = containers.sniff(handle)
    if kind in media.ONLY:
        found = media.decode(handle, kind, name)
    else:
        try:
            found = _by_libsndfile(handle)
        except (soundfile.SoundFileError, TypeError) as error:
            found = _by_media(handle, kind, name, error)
    declared = found.declared_s
    limits.check(name, found.sample_rate, found.n_channels, declared)
    return Decoded(found.sample_rate, found.n_channels, _limited(found, name, limits), declared)


def _by_libsndfile(handle: BinaryIO) -> Decoded:
    handle.seek(0)
    steady = _Steady(handle)
    file = _Forward(steady)  # type: ignore[arg-type] - a file to read needs no more than this
    steady.check()
    known = file.frames < 1 << 60  # a stream that does not know its length claims the most
    declared_s = file.frames / max(file.samplerate, 1) if known else 0.0
    at_once = max(1, VALUES_AT_ONCE // max(file.channels, 1))

    def blocks() -> Iterator[NDArray[np.float32]]:
        with file:
            while len(block := file.read(at_once, dtype="float32", always_2d=True)):
                steady.check()
                yield np.asarray(block, np.float32)
            steady.check()

    return Decoded(file.samplerate, file.channels, blocks(), declared_s)


def _by_media(handle: BinaryIO, kind: str, name: str, error: Exception) -> Decoded:
    """What libsndfile refused."""
    suffix = Path(name).suffix.lower().removeprefix(".")
    if kind not in media.ALLOWED:
        raise _not_audio(name, suffix, error) from error
    try:
        return media.decode(handle, kind, name)
    except (MissingExtra, AudioError) as second:
        wanted = isinstance(second, AudioError)
        raise _not_audio(name, suffix, second if wanted else error) from error


def _limited(found: Decoded, name: str, limits: RecordingLimits) -> Iterator[NDArray[np.float32]]:
    """The blocks, until they are more than is allowed, whatever the header said."""
    rate, n_channels = found.sample_rate, found.n_channels
    longest, n_samples = limits.seconds(rate, n_channels) * rate, 0
    for block in found.blocks:
        n_samples += len(block)
        if n_samples > longest:
            raise limits.too_long(name, rate, n_channels, n_samples / rate)
        yield block


def _whole(stream: BinaryIO, name: str) -> bytes:
    data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise AudioError(
            f"{name} has more than {LARGEST_FILE >> 20} MiB.", "Save it to a file first."
        )
    return data


def _undecodable(name: str, error: Exception) -> AudioError:
    """Without the prefix that names the open file as Python prints it."""
    found = getattr(error, "error_string", str(error)) or type(error).__name__
    reason = found.removeprefix("Error : ").strip().rstrip(".")
    return AudioError(f"Cannot decode {name}: {reason}.", "Give a complete audio file.")


def _not_audio(name: str, suffix: str, error: Exception) -> AudioError | UnknownFormat:
    if formats.ALIASES.get(suffix, suffix) == "pcm":
        message = f"{name} holds samples without their rate and type."
        return UnknownFormat(message, "Convert it to wav.")
    known = {*formats.FORMATS, *formats.MEDIA_SUFFIXES, "aiff", "aif", "au", "caf", "oga", "w64"}
    if suffix in known or not suffix:
        if isinstance(error, AudioError):
            return error
        return _undecodable(name, error)
    advice = near_misses(suffix, known) or "Give a wav, flac, ogg, opus, mp3 or m4a file."
    return UnknownFormat(f"Cannot read {name}: unknown audio format.", advice)
