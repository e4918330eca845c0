"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from vivavoce.errors import OutputError


@contextmanager
def whole(path: Path, advice: str = "Check its permissions and the free space.") -> Iterator[Path]:
    """Gives a temporary path beside `path`; what was written there replaces `path` at the end.

    Raises OutputError when the operating system refuses; nothing is left behind then.
    """
    temporary = path.with_name(f".{uuid4().hex}-{path.name}")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if temporary.is_dir() and path.is_dir():
                shutil.rmtree(path)
            temporary.replace(path)
        finally:
            remove(temporary)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.", advice) from error


def remove(path: Path) -> None:
    """A file or a whole folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
