"""Files and folders that appear whole or not at all, locks, and small JSON caches.

A new file or folder is made inside a hidden temporary folder beside its target and takes its name
by renaming. The temporary folder is locked while its writer lives; the next write in the same place
removes those whose writer was killed. A folder is replaced by two renames: a process that is killed
between them leaves the old folder under a hidden name, and `recover` puts it back.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vivavoce.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows: concurrent writers are not kept apart there
    fcntl = None

ADVICE = "Check its permissions and the free space."
MAX_CACHE_BYTES = 4 << 20
_TEMPORARY = re.compile(r"\.vivavoce-[0-9a-f]{12}\.tmp")
_WRITER = ".writer"  # the file in a temporary folder that its writer has locked
_PREVIOUS = re.compile(r"\.(.+)\.previous")


@contextmanager
def atomic_path(
    path: str | Path, *, replace: bool = True, flush: bool = False, advice: str = ADVICE
) -> Iterator[Path]:
    """Yield a path to create a file or a folder at; it becomes `path` when the block ends.

    If the block raises, `path` stays as it was. A link at `path` is followed. `replace=False`
    raises FileExistsError if `path` exists at the end, even if it was created meanwhile; this is
    for files. `flush` forces the content to the disk before it takes its name: use it for what
    cannot be made again. Raises OutputError with `advice` for every other failure of the system.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_folder(target.parent) as folder:
            made = folder / target.name
            yield made
            if flush:
                _flush_all(made)
            with _folder_lock(target.parent):
                _put(made, target, replace)
        if flush:
            _flush(target.parent)
    except OSError as error:
        if isinstance(error, FileExistsError) and not replace and target.exists():
            raise
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.", advice) from error


def write_bytes(path: str | Path, content: bytes, *, flush: bool = False) -> None:
    """Write a file whole or not at all; pipes and devices are written to. Raises OutputError."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
            return
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror}.", ADVICE) from error
    with atomic_path(path, flush=flush) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """As `write_bytes`, in UTF-8."""
    write_bytes(path, text.encode())


def lines(text: str) -> list[str]:
    """Those that a line feed ends, or both marks of Windows: U+2028 and its like end none."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def read_json(path: str | Path) -> dict[str, Any]:
    """The table in a cache file; empty if the file is missing, damaged or larger than 4 MB."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_CACHE_BYTES + 1)
        table = json.loads(content) if len(content) <= MAX_CACHE_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def update_json(path: str | Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Replace the table in a cache file by `change(table)`, one process at a time.

    Raises OutputError, and ValueError for numbers that JSON does not have.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary_folder(path.parent) as folder, _folder_lock(path.parent):
            table = change(read_json(path))
            text = json.dumps(table, indent=1, allow_nan=False) + "\n"
            (folder / path.name).write_text(text, encoding="utf-8")
            (folder / path.name).replace(path)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.", ADVICE) from error


@contextmanager
def lock(path: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an advisory lock on the file `path`, which is created and stays.

    The system releases it when the process ends in any way. With `wait=False` raises
    BlockingIOError if another process or thread holds it. Raises OSError.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        _release(handle)


def recover(folder: str | Path) -> None:
    """Put a folder back whose replacement was interrupted. Call it before reading the folder."""
    folder = Path(folder)
    aside = _aside(folder)
    if not aside.is_dir() or folder.exists():
        return
    with suppress(OSError), _folder_lock(folder.parent):  # waits for a replacement in progress
        if not folder.exists():
            aside.replace(folder)


def entries(folder: str | Path) -> list[Path]:
    """What a folder holds, by name: hidden files are left out, interrupted replacements undone.

    Empty if there is no such folder.
    """
    folder = Path(folder)
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    for name in names:
        if (match := _PREVIOUS.fullmatch(name)) and match[1] not in names:
            recover(folder / match[1])
            names.append(match[1])
    found = (folder / name for name in sorted(set(names)) if not name.startswith("."))
    return [path for path in found if path.exists()]


def remove(path: str | Path) -> None:
    """Remove a file or a folder with its content, if it is there. Raises OSError for a file."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _put(made: Path, target: Path, replace: bool) -> None:
    """Give `made` the name `target`; the folder that holds both is locked."""
    if made.is_dir():
        _replace_folder(made, target)
    elif replace:
        made.replace(target)
    else:
        _link(made, target)


def _link(made: Path, target: Path) -> None:
    """Give a file a name that must be free."""
    try:
        target.hardlink_to(made)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: the lock keeps our own processes apart
        if target.exists():
            raise FileExistsError(str(target)) from None
        made.rename(target)


def _replace_folder(made: Path, target: Path) -> None:
    aside = _aside(target)
    if aside.exists() and not target.exists():
        aside.replace(target)
    remove(aside)
    had_one = target.exists()
    if had_one:
        target.replace(aside)
    try:
        made.replace(target)
    except OSError:
        if had_one:
            aside.replace(target)
        raise
    remove(aside)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder, locked while its writer lives; those of killed writers are removed."""
    folder = parent / f".vivavoce-{secrets.token_hex(6)}.tmp"
    with _folder_lock(parent):
        _sweep(parent)
        folder.mkdir()
        # Not the folder itself: what is written inside may lock it, as its parent.
        handle = os.open(folder / _WRITER, os.O_RDWR | os.O_CREAT, 0o644)
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _release(handle)
        shutil.rmtree(folder, ignore_errors=True)  # NFS and FUSE keep a file that is open


def _sweep(parent: Path) -> None:
    """Remove the temporary folders in `parent` whose writers are dead; `parent` is locked."""
    if fcntl is None:
        return
    for folder in parent.glob(".vivavoce-*.tmp"):
        if _TEMPORARY.fullmatch(folder.name) and not _is_written(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_written(folder: Path) -> bool:
    """Whether the writer of a temporary folder lives; yes where the file system has no locks."""
    try:
        with lock(folder / _WRITER, wait=False):
            return False
    except OSError:
        return True


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Held for moments while names in `folder` change; nothing where folders have no locks."""
    handle = _open_folder(folder)
    try:
        if handle is not None and fcntl is not None:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            _release(handle)


def _open_folder(folder: Path) -> int | None:
    if fcntl is None:
        return None
    try:
        return os.open(folder, os.O_RDONLY)
    except OSError:
        return None


def _release(handle: int) -> None:
    """Unlock as well as close: a forked child may still have the file open."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _flush_all(path: Path) -> None:
    for file in sorted(path.rglob("*")) if path.is_dir() else []:
        if not file.is_symlink():
            _flush(file)
    _flush(path)


def _flush(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
