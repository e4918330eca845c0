"""Where encoded bytes go: a file that appears whole or not at all, or a stream."""

from __future__ import annotations

import contextlib
import errno
import os
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from vivavoce.audio import leftovers
from vivavoce.errors import OutputError

_ADVICE = {
    errno.ENOENT: "Create the folder first.",
    errno.ENOTDIR: "Create the folder first.",
    errno.EACCES: "Choose a folder you may write to.",
    errno.EPERM: "Choose a folder you may write to.",
    errno.EROFS: "Choose a folder you may write to.",
    errno.ENOSPC: "Free some space, or write to another disk.",
    errno.EFBIG: "Free some space, or write to another disk.",
    errno.EPIPE: "The program that was reading has ended.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}
if hasattr(errno, "EDQUOT"):
    _ADVICE[errno.EDQUOT] = _ADVICE[errno.ENOSPC]


class Sink:
    """What an encoder writes to: `write`, `seek`, `tell` of a file, which never raise.

    Encoders call these from C, where an exception would be lost: the first is kept and raised by
    `check`, OSError as OutputError, and an interruption as it came. A path is written under a
    hidden name, which is locked while this process lives; what others left there unlocked is
    removed first. A stream that cannot go back (a pipe, stdout) takes bytes in
    order, and drops what an encoder writes over its beginning: sizes that streams do not need.
    """

    def __init__(self, target: str | Path | BinaryIO) -> None:
        self._error: BaseException | None = None
        self._position = self._end = 0
        self._temporary: Path | None = None
        self._owned = isinstance(target, (str, Path))
        if isinstance(target, (str, Path)):
            self.name = str(target)
            self._path = Path(os.path.realpath(target))
            self._file = self._open()
        else:
            self.name = str(getattr(target, "name", "the stream"))
            self._file = target
        seekable = getattr(self._file, "seekable", bool)()
        # Standard output may have been opened for appending: going back would destroy it.
        self._can_go_back = seekable and self.name != "<stdout>"
        self._base = self._file.tell() if self._can_go_back else 0

    @property
    def path(self) -> Path | None:
        """Of the file that is being made; None for a stream or a device."""
        return self._path if self._temporary is not None else None

    def _open(self) -> BinaryIO | FileIO:
        if self._path.is_dir():
            raise OutputError(f"{self.name} is a folder.", "Name a file in it.")
        try:
            if self._path.exists() and not self._path.is_file():
                return self._path.open("wb")  # a device or a pipe is written as it is
            leftovers.sweep(self._path.parent)
            self._temporary, file = leftovers.temporary(self._path.parent)
            return file
        except OSError as error:
            raise self._output_error(error) from error

    def _output_error(self, error: OSError) -> OutputError:
        reason = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, "Choose another place to write to.")
        return OutputError(f"Cannot write {self.name}: {reason}.", advice)

    def seekable(self) -> bool:
        return self._can_go_back

    def write(self, data: bytes) -> int:
        if self._error is None and (self._can_go_back or self._position >= self._end):
            try:
                self._write_all(memoryview(data))
            except BaseException as error:  # noqa: BLE001 - kept for `check`
                self._error = error
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def _write_all(self, data: memoryview) -> None:
        """Raw files may take only a part at a time."""
        while len(data):
            n_written = self._file.write(data)
            data = data[len(data) if n_written is None else n_written :]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = start + offset
        if self._can_go_back and self._error is None:
            try:
                self._file.seek(self._base + self._position)
            except BaseException as error:  # noqa: BLE001 - kept for `check`
                self._error = error
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, n: int = -1) -> bytes:
        """Encoders ask whether this exists; nothing is ever read back."""
        return b""

    def flush(self) -> None:
        """Hands on what is buffered, so that a listener hears it."""
        try:
            self._file.flush()
        except OSError as error:
            self._error = self._error or error
        self.check()

    def check(self) -> None:
        """Raises OutputError if anything could not be written so far."""
        if isinstance(self._error, OSError):
            raise self._output_error(self._error) from self._error
        if self._error is not None:
            raise self._error

    def commit(self) -> None:
        """Closes; the file takes its name. Raises OutputError, leaving nothing of it."""
        try:
            self.check()
            if not self._owned:
                self.seek(0, os.SEEK_END)
                self.flush()
                return
            self._file.close()
            if self._temporary is not None:
                self._temporary.replace(self._path)
        except OSError as error:
            self.discard()
            raise self._output_error(error) from error
        except OutputError:
            self.discard()
            raise

    def discard(self) -> None:
        """Closes and removes what was written. A stream keeps what it was given."""
        if self._owned:
            with contextlib.suppress(OSError):
                self._file.close()
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
