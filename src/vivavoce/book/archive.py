"""A zip file from a stranger, read within limits. Nothing is extracted."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from vivavoce.errors import BookError

MOST_ENTRIES = 20_000
MOST_BYTES = 1 << 30
LONGEST_TEXT = 16 << 20
"""Bytes of one text or table. The text of a long novel has two million."""
ALL_TEXT = 64 << 20
LONGEST_PICTURE = 32 << 20

DAMAGED = "Download it again, or open it in a reader and export it."


class Archive:
    """The entries of a zip file by name. Raises BookError for whatever is wrong with it."""

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        """`data` is the archive, where that is an entry of the file at `path`."""
        self.path = path
        self._left = ALL_TEXT
        try:
            self._zip = zipfile.ZipFile(path if data is None else io.BytesIO(data))
        except OSError as error:
            reason = error.strerror or str(error)
            raise BookError(f"Cannot read {path}: {reason}.", "Check the path.") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BookError(f"{path} is not a complete zip archive ({error}).", DAMAGED) from error
        try:
            self._entries = self._checked(self._zip.infolist())
        except BookError:
            self._zip.close()
            raise

    def _checked(self, found: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if len(found) > MOST_ENTRIES:
            raise self._refused(f"holds {len(found)} files, more than {MOST_ENTRIES}")
        total = sum(entry.file_size for entry in found)
        if total > MOST_BYTES:
            raise self._refused(f"unpacks to {total >> 20} MB, more than {MOST_BYTES >> 20} MB")
        for entry in found:
            name = posixpath.normpath(entry.filename.replace("\\", "/"))
            if name.startswith(("/", "../")) or name == ".." or name[1:2] == ":":
                raise self._refused(f"names the file {entry.filename!r}, which lies outside of it")
        return {entry.filename: entry for entry in found}

    def _refused(self, what: str) -> BookError:
        return BookError(f"{self.path} {what}.", "Use a book from a source you trust.")

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def enter(self, folder: str) -> None:
        """Names count from that folder from now on; what lies outside of it is not there."""
        inside = [(name, entry) for name, entry in self._entries.items() if name.startswith(folder)]
        self._entries = {name.removeprefix(folder): entry for name, entry in inside}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def text(self, name: str) -> bytes:
        """The bytes of a text or table, at most `LONGEST_TEXT`, and `ALL_TEXT` over all calls."""
        data = self.read(name, min(LONGEST_TEXT, self._left))
        self._left -= len(data)
        return data

    def read(self, name: str, most: int) -> bytes:
        """The bytes of an entry. Raises BookError if it is missing, damaged or longer."""
        entry = self._entries.get(name)
        if entry is None:
            raise BookError(f"{self.path} has no file {name!r}.", DAMAGED)
        if entry.flag_bits & 1:
            raise BookError(
                f"{self.path} is encrypted with a password.", "Give a copy without a password."
            )
        if entry.file_size > most:
            raise self._refused(f"has {entry.file_size} bytes in {name!r}, more than {most}")
        try:
            with self._zip.open(entry) as stream:
                return stream.read(most + 1)[:most]
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
            raise BookError(f"{self.path}: {name!r} is damaged ({error}).", DAMAGED) from error
        except (ValueError, RuntimeError) as error:
            raise BookError(f"{self.path}: {name!r} cannot be read ({error}).", DAMAGED) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
