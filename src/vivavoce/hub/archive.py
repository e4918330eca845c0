"""A downloaded zip to the few files of it that make a model. Nothing in it chooses where they go.

Names of entries are read, never followed: each wanted file gets its own last part as its name, in
one flat folder.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.files import atomic_path
from vivavoce.limits import DEFAULT as LIMITS
from vivavoce.limits import RAISE, guard, in_force

MAX_ENTRIES = 2000
MAX_DEPTH = 4
MAX_WEIGHTS = 8 << 30
"""Bytes of one file of weights: the largest that anybody published for these models has 2 GB."""
CHUNK = 1 << 20
_WEIGHTS = ("*.pth", "*.pth.tar", "*.pt", "*.bin", "*.safetensors")
_SMALL = ("*.json", "*.npy", "vocab*.txt", "*.yaml", "*.yml")


def unpack(file: Path, folder: Path) -> Path:
    """Puts the weights, configurations and tables of a zip into `folder`, all or nothing.

    Raises UnsafeCheckpoint for an archive whose entries lead out of it, are links or are
    encrypted; BadCheckpoint for one that is damaged, holds no weights or is too large.
    """
    with guard(file), zipfile.ZipFile(file) as archive:
        wanted = dict(_wanted(archive))
        if not any(_is_weights(name) for name in wanted):
            raise BadCheckpoint(f"{file} holds no weights.", "Check the address.")
        with atomic_path(folder) as made:
            made.mkdir()
            for name, info in wanted.items():
                _copy(archive, info, made / name)
    return folder


def _wanted(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The entries to unpack, by the names that they get."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise BadCheckpoint(f"It holds {len(entries)} files; a model has at most {MAX_ENTRIES}.")
    taken: set[str] = set()
    for info in entries:
        path = _checked(info)
        name = path.name.removesuffix(".tar")
        kinds = (*_WEIGHTS, *_SMALL)
        if info.is_dir() or not any(fnmatchcase(path.name, kind) for kind in kinds):
            continue
        if path.name.startswith(".") or "__MACOSX" in path.parts:
            continue
        if name.casefold() in taken:
            raise BadCheckpoint(f"It holds '{name}' more than once.", "Unpack and import it.")
        taken.add(name.casefold())
        yield name, info


def _checked(info: zipfile.ZipInfo) -> PurePosixPath:
    """Where an entry says that it lies. Raises UnsafeCheckpoint, BadCheckpoint."""
    said = info.filename
    path = PurePosixPath(said)
    outside = path.is_absolute() or ".." in path.parts or "\\" in said or ":" in said
    if outside or not all(part.isprintable() for part in path.parts):
        raise UnsafeCheckpoint(f"Its entry '{said[:100]}' has a path outside the archive.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UnsafeCheckpoint(f"Its entry '{said[:100]}' is a link.")
    if info.flag_bits & 1:
        raise UnsafeCheckpoint(f"Its entry '{said[:100]}' is encrypted.")
    if len(path.parts) > MAX_DEPTH:
        raise BadCheckpoint(f"Its entry '{said[:100]}' is {len(path.parts)} folders deep.")
    return path


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """One entry. What it says of its size is not believed: bytes are counted."""
    most = MAX_WEIGHTS if _is_weights(target.name) else in_force(LIMITS).bytes
    if info.file_size > most:
        raise _too_large(info, most)
    done = 0
    with archive.open(info) as source, target.open("xb") as file:
        while chunk := source.read(CHUNK):
            done += len(chunk)
            if done > most:
                raise _too_large(info, most)
            file.write(chunk)


def _too_large(info: zipfile.ZipInfo, most: int) -> BadCheckpoint:
    return BadCheckpoint(f"Its entry '{info.filename[:100]}' has more than {most} bytes.", RAISE)


def _is_weights(name: str) -> bool:
    return any(fnmatchcase(name, kind) for kind in _WEIGHTS)
