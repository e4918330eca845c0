"""Output at a loudness that only the whole audio tells. No torch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.io import StreamWriter
from vivavoce.audio.loudness import from_db, integrated_lufs, loudness_gain_db, peak_db
from vivavoce.errors import OutputError
from vivavoce.types import Audio

AT_ONCE = 1 << 16


class LevelledWriter:
    """Writes audio at a loudness in LUFS (ITU-R BS.1770-4, mono), once the whole of it is known.

    Until `close` the samples lie in a temporary file of 4 bytes each in the folder of the target,
    so memory does not grow; nothing can be heard before. The peak stays below `PEAK_LIMIT_DB`:
    `reached_lufs` says how loud the result is. As a context manager like the writer.
    """

    def __init__(self, writer: StreamWriter, sample_rate: int, target_lufs: float) -> None:
        self.writer = writer
        self.reached_lufs = float("-inf")
        self._rate, self._target = sample_rate, target_lufs
        self._n = 0
        folder = writer.folder
        try:
            self._spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close, abort
        except OSError as error:
            writer.abort()
            raise self._full(error) from error

    def write(self, samples: NDArray[np.floating]) -> None:
        """Appends `[S]` samples."""
        try:
            self._spool.write(np.ascontiguousarray(samples, np.float32).tobytes())
        except OSError as error:
            raise self._full(error) from error
        self._n += len(samples)

    def close(self) -> None:
        """Writes everything at the wanted loudness, and finishes the file."""
        samples = self._samples()
        loudness, peak = integrated_lufs(Audio(samples, self._rate)), _peak_db(samples)
        gain_db = loudness_gain_db(loudness, peak, self._target)
        self.reached_lufs = loudness + gain_db
        self._replay(len(samples), np.float32(from_db(gain_db)))
        self.writer.close()
        self._spool.close()

    def abort(self) -> None:
        """Gives up: the path is as it was before."""
        self.writer.abort()
        self._spool.close()

    @property
    def clipped(self) -> int:
        return self.writer.clipped

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

    def _samples(self) -> NDArray[np.float32]:
        try:
            self._spool.flush()
        except OSError as error:
            raise self._full(error) from error
        if not self._n:
            return np.zeros(0, np.float32)
        return np.memmap(self._spool, np.float32, "r", shape=(self._n,))

    def _replay(self, end: int, gain: np.float32, begin: int = 0) -> None:
        samples = self._samples()
        for start in range(begin, end, AT_ONCE):
            self.writer.write(samples[start : min(end, start + AT_ONCE)] * gain)

    def _full(self, error: OSError) -> OutputError:
        where = self.writer.folder or Path(tempfile.gettempdir())
        return OutputError(
            f"Cannot write a temporary file in {where} to measure loudness: {error.strerror}.",
            "Free some space, or leave --loudness out.",
        )


def _peak_db(samples: NDArray[np.float32]) -> float:
    blocks = (samples[start : start + AT_ONCE] for start in range(0, len(samples), AT_ONCE))
    return max((peak_db(block) for block in blocks), default=float("-inf"))
