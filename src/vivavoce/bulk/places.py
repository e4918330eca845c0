"""Where files go: a folder, or an address that fsspec knows (s3://, gs://, memory://, …)."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from vivavoce import files
from vivavoce.errors import MissingExtra, OutputError

T = TypeVar("T")


class Place(Protocol):
    """Files by name. A file is there whole or not at all, as far as the place can promise it."""

    def write(self, name: str, data: bytes) -> None:
        """Raises OutputError."""

    def size(self, name: str) -> int | None:
        """In bytes; None where there is no such file."""
        ...

    def read(self, name: str) -> bytes | None:
        """The whole file; None where there is none. Raises OutputError."""
        ...


def find(out: str | Path) -> Place:
    """Raises MissingExtra, OutputError."""
    return UrlPlace(str(out)) if "://" in str(out) else FolderPlace(Path(out))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FolderPlace:
    """A folder of this machine, or one that machines share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file.", "Name another folder.")

    def write(self, name: str, data: bytes) -> None:
        files.write_bytes(self.folder / name, data)

    def size(self, name: str) -> int | None:
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return None

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"Cannot read {self.folder / name}: {error.strerror}.") from error


class UrlPlace:
    """A place of fsspec. Object stores put a file whole; the size tells one that is cut off."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            import fsspec

            self._system, self._root = fsspec.core.url_to_fs(url)
            self._folders: set[str] = set()
        except ImportError as error:
            raise MissingExtra(
                f"{url} cannot be written to ({error}).",
                "Install what fsspec needs for it: pip install fsspec, and s3fs or gcsfs.",
            ) from error
        except ValueError as error:
            raise OutputError(f"{url} is not an address: {error}.", "Check its scheme.") from error

    def write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        folder = posixpath.dirname(path)
        if folder not in self._folders:
            self._do(lambda: self._system.makedirs(folder, exist_ok=True))
            self._folders.add(folder)
        self._do(lambda: self._system.pipe_file(path, data))

    def size(self, name: str) -> int | None:
        try:
            return int(self._system.size(self._path(name)) or 0)
        except OSError:
            return None

    def read(self, name: str) -> bytes | None:
        try:
            return self._do(lambda: self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name)

    def _do(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise OutputError(
                f"Cannot use {self.url}: {error}.", "Check the permissions."
            ) from error
