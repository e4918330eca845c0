"""Hidden files under which audio is written, and those that killed processes left behind."""

from __future__ import annotations

import contextlib
import os
import secrets
from io import FileIO, IOBase
from pathlib import Path

PREFIX, SUFFIX = ".vivavoce-", ".part"
ATTEMPTS = 5


def temporary(folder: Path) -> tuple[Path, FileIO]:
    """A new file of its own, locked until it is closed. Raises OSError."""
    for _ in range(ATTEMPTS):
        path = folder / f"{PREFIX}{secrets.token_hex(6)}{SUFFIX}"
        file = path.open("xb", buffering=0)  # a buffer would hide a full disk, and block going back
        _locked(file)
        if path.exists():  # another process may have swept it before it was locked
            return path, file
        file.close()
    raise FileExistsError(f"no temporary file stays in {folder}")


def sweep(folder: Path) -> None:
    """Removes those that no living process holds; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                if _locked(file):
                    path.unlink()


def _locked(file: IOBase) -> bool:
    """Whether the file is now ours alone: the lock goes with the open file, so with the process.

    Where there are no such locks nothing is swept, but on Windows, which lets nobody remove a file
    that is open.
    """
    try:
        import fcntl
    except ImportError:
        return os.name == "nt"
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
