"""Reads PyTorch's pickled checkpoints (`.pth .pt .bin`) without running anything in them.

Knows the two containers PyTorch has used: the zip of torch 1.6 and later, and the plain sequence
of pickles before it. Knows nothing about models; `torch.load` is never called.
"""

from __future__ import annotations

import io
import mmap
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from vivavoce.checkpoints import inert, mapped
from vivavoce.checkpoints.machine import Machine
from vivavoce.checkpoints.mapped import DAMAGED
from vivavoce.errors import BadCheckpoint

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
# What zipfile, struct and numpy raise over bytes that make no sense.
_BROKEN = (
    *(zipfile.BadZipFile, struct.error, EOFError, MemoryError),
    *(ValueError, LookupError, OverflowError, NotImplementedError),
)


@dataclass(frozen=True)
class Pickled:
    """What a file held. `foreign` names the unknown classes that were replaced by stand-ins."""

    value: Any
    foreign: tuple[str, ...]


def read(path: str | Path) -> Pickled:
    """Tensors, containers and stand-ins of a pickled checkpoint.

    Tensors of a zip are views of the mapped file (private: writing to them changes no file), whose
    pages go when the last view of them does.
    Raises BadCheckpoint for a damaged file, UnsafeCheckpoint for one made to run code.
    """
    path = Path(path)
    with _blame(path), path.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        if start.startswith(b"PK"):
            return _read_zip(path, file)
        if start.startswith(b"\x80"):
            return _read_legacy(file, path.stat().st_size)
    raise BadCheckpoint(f"{path} is not a PyTorch checkpoint.", _what_it_is(start))


def _what_it_is(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "It is a Git LFS pointer: fetch the real file with `git lfs pull`."
    if start.lstrip()[:1] == b"<":
        return "It is a web page: the download was probably refused. Download it again."
    if len(start) > 8 and start[8:9] == b"{":
        return "It looks like safetensors: give it the suffix .safetensors."
    return "It is empty." if not start else DAMAGED


@contextmanager
def _blame(path: Path) -> Iterator[None]:
    """Names the file in every complaint about its content."""
    try:
        yield
    except BadCheckpoint as error:
        message = f"{path}: {error.message}"
        raise type(error)(message, error.advice or DAMAGED) from error
    except _BROKEN as error:
        raise BadCheckpoint(f"{path} cannot be read ({error}).", DAMAGED) from error
    except OSError as error:
        raise BadCheckpoint(f"Cannot read {path}: {error.strerror}.", "Check the path.") from error


def _storage_id(pid: Any) -> tuple[torch.dtype, str, int, Any]:
    """dtype, key, count and view of a persistent id. The device it names is ignored."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise BadCheckpoint("It refers to something that is not a tensor's storage.")
    _, kind, key, _device, count, *view = pid
    dtype = inert.STORAGES.get(getattr(kind, "name", ""))
    if dtype is None:
        raise BadCheckpoint(f"It has numbers of the unknown type {getattr(kind, 'name', kind)}.")
    if not isinstance(key, str) or type(count) is not int or count < 0:
        raise BadCheckpoint("A storage has no proper name or size.")
    return dtype, key, count, view[0] if view else None


def _refuse_persistent(_: Any) -> Any:
    raise BadCheckpoint("Its header refers to tensors.")


class _Zip:
    """The stored entries of a zip, as views of the mapped file. No entry is ever unpacked."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        with zipfile.ZipFile(file) as archive:
            self.entries = {info.filename: info for info in archive.infolist()}
        self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        roots = [n.removesuffix("data.pkl") for n in self.entries if n.endswith("/data.pkl")]
        if len(roots) != 1 or f"{roots[0]}constants.pkl" in self.entries:
            raise BadCheckpoint(
                "It is a zip, but not a PyTorch checkpoint.",
                "A TorchScript archive holds a program; ask its maker for the state dict."
                if any(n.endswith("constants.pkl") for n in self.entries)
                else "Unpack it and give the checkpoint that is inside.",
            )
        self.root = roots[0]

    def entry(self, name: str) -> np.ndarray:
        """One entry's bytes, checked against the file's end and its checksum."""
        info = self.entries.get(self.root + name)
        if info is None:
            raise BadCheckpoint(f"Its entry '{name}' is missing.")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise BadCheckpoint(f"Its entry '{name}' is compressed, which PyTorch never does.")
        header = self.bytes[info.header_offset : info.header_offset + 30]
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise BadCheckpoint(f"Its entry '{name}' is not where the index says.")
        start = info.header_offset + 30 + sum(struct.unpack_from("<HH", header, 26))
        if start + info.file_size > len(self.bytes):
            raise BadCheckpoint(f"Its entry '{name}' is damaged.")
        content = mapped.piece(self.bytes, start, start + info.file_size)
        # torch writes 0 where its checksums are switched off.
        if info.CRC and zlib.crc32(content.data) != info.CRC:
            raise BadCheckpoint(f"Its entry '{name}' is damaged.")
        mapped.rest(content)
        return content


def _read_zip(path: Path, file: IO[bytes]) -> Pickled:
    archive = _Zip(path, file)
    if archive.root + "byteorder" in archive.entries:
        _check_byte_order(bytes(archive.entry("byteorder")) == b"little")
    storages: dict[str, torch.Tensor] = {}

    def storage(pid: Any) -> inert.Storage:
        dtype, key, count, _ = _storage_id(pid)
        if key not in storages:
            content = archive.entry(f"data/{key}")
            aligned = content.ctypes.data % 16 == 0
            storages[key] = torch.from_numpy(content if aligned else content.copy())
        content = storages[key]
        if content.numel() != count * dtype.itemsize:
            raise BadCheckpoint(
                f"Storage '{key}' has {content.numel()} bytes, not {count} {dtype}."
            )
        return inert.Storage(content.view(dtype))

    machine = Machine(storage)
    value = machine.run(io.BytesIO(bytes(archive.entry("data.pkl"))))
    return Pickled(value, tuple(sorted(machine.foreign)))


def _read_legacy(file: IO[bytes], file_size: int) -> Pickled:
    """Five pickles (magic, protocol, system, value, storage keys), then the storages' bytes."""
    header = Machine(_refuse_persistent)
    if header.run(file) != LEGACY_MAGIC or header.run(file) != LEGACY_PROTOCOL:
        raise BadCheckpoint("It is a pickle, but not a PyTorch checkpoint.")
    system = header.run(file)
    _check_byte_order(not isinstance(system, dict) or system.get("little_endian", True))
    storages = _LegacyStorages(file_size)
    machine = Machine(storages.view)
    value = machine.run(file)
    storages.fill(file, header.run(file))
    return Pickled(value, tuple(sorted(machine.foreign)))


class _LegacyStorages:
    """Storages that are met first and filled later: in these files the numbers come last."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.found: dict[str, tuple[torch.dtype, torch.Tensor]] = {}

    def view(self, pid: Any) -> inert.Storage | inert.Foreign:
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            return pid[1]  # a module's class, stored with its source text
        dtype, key, count, view = _storage_id(pid)
        if key not in self.found:
            self.budget -= count * dtype.itemsize
            if self.budget < 0:
                raise BadCheckpoint("It promises more numbers than it holds.")
            self.found[key] = (dtype, torch.empty(count, dtype=dtype))
        known, flat = self.found[key]
        if known != dtype or flat.numel() != count:
            raise BadCheckpoint(f"Storage '{key}' is described in two ways.")
        if view is None:
            return inert.Storage(flat)
        _, offset, size = view
        if offset < 0 or size < 0 or offset + size > count:
            raise BadCheckpoint(f"A view leaves storage '{key}'.")
        return inert.Storage(flat[offset : offset + size])

    def fill(self, file: IO[bytes], keys: Any) -> None:
        if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(self.found):
            raise BadCheckpoint("Its list of storages does not match its tensors.")
        for key in keys:
            flat = self.found[key][1]
            (count,) = struct.unpack("<q", file.read(8))
            if count != flat.numel():
                raise BadCheckpoint(f"Storage '{key}' has {count} numbers, not {flat.numel()}.")
            content = flat.view(torch.uint8).numpy()
            if file.readinto(content) != content.nbytes:  # type: ignore[attr-defined]
                raise BadCheckpoint("It ends in the middle of its numbers.")


def _check_byte_order(little: bool) -> None:
    if little != (sys.byteorder == "little"):
        raise BadCheckpoint(
            "It was written on a machine with the other byte order.",
            "Ask its maker for a .safetensors file.",
        )
