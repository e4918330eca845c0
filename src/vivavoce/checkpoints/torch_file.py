"""Read PyTorch's pickled checkpoints (`.pth .pt .bin`) without running anything in them.

There are two containers: the zip of torch 1.6 and later, and the plain sequence of pickles before
it. `torch.load` is never called.
"""

from __future__ import annotations

import io
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from vivavoce.checkpoints.pickle_names import GlobalName
from vivavoce.checkpoints.pickle_values import STORAGES, Storage
from vivavoce.checkpoints.stored_zip import StoredZip
from vivavoce.checkpoints.unpickle import Unpickler
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DAMAGED, DEFAULT, Budget, Limits, describe, guard

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


@dataclass(frozen=True)
class Pickled:
    """What a file held. `foreign` names the classes that opaque objects stand for."""

    value: Any
    foreign: tuple[str, ...]


def read(path: str | Path, limits: Limits = DEFAULT) -> Pickled:
    """Tensors, containers and opaque objects of a pickled checkpoint.

    Tensors of a zip are views of the mapped file (private: writing to them changes no file), whose
    pages go when the last view of them does.
    Raises BadCheckpoint for a damaged file, UnsafeCheckpoint for one made to run code.
    """
    path = Path(path)
    with guard(path), path.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        if start.startswith(b"PK"):
            return _read_zip(file, Budget(limits))
        if start.startswith(b"\x80"):
            return _read_legacy(file, Budget(limits))
    raise BadCheckpoint(f"{path} is not a PyTorch checkpoint.", _what_it_is(start))


def _what_it_is(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "It is a Git LFS pointer: fetch the real file with `git lfs pull`."
    if start.lstrip()[:1] == b"<":
        return "It is a web page: the download was probably refused. Download it again."
    if len(start) > 8 and start[8:9] == b"{":
        return "It looks like safetensors: give it the suffix .safetensors."
    return "It is empty." if not start else DAMAGED


def _storage_id(pid: object) -> tuple[torch.dtype, str, int, Any]:
    """dtype, key, count and view of a persistent id. The device it names is ignored."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        raise BadCheckpoint("A persistent id does not refer to a tensor storage.")
    _, kind, key, _device, count, *view = pid
    dtype = STORAGES.get(kind.name) if isinstance(kind, GlobalName) else None
    if dtype is None:
        known = kind.name if isinstance(kind, GlobalName) else describe(kind)
        raise BadCheckpoint(f"A storage has the unknown type {known}.")
    named = isinstance(key, str) and len(key) <= 200
    if not named or type(count) is not int or not 0 <= count < 1 << 48:
        raise BadCheckpoint("A storage has an invalid name or size.")
    return dtype, key, count, view[0] if view else None


def _refuse_persistent(_: object) -> Any:
    raise BadCheckpoint("The pickled header refers to tensor storages.")


def _read_zip(file: IO[bytes], budget: Budget) -> Pickled:
    archive = StoredZip(file)
    root = _root(archive)
    if f"{root}byteorder" in archive:
        _check_byte_order(archive.read(f"{root}byteorder", 100) == b"little")
    storages: dict[str, torch.Tensor] = {}

    def storage(pid: object) -> Storage:
        dtype, key, count, _ = _storage_id(pid)
        if key not in storages:
            content = archive.entry(f"{root}data/{key}")
            budget.spend(16)
            budget.allow_views(content.nbytes)
            aligned = content.ctypes.data % 16 == 0
            storages[key] = torch.from_numpy(content if aligned else content.copy())
        content = storages[key]
        if content.numel() != count * dtype.itemsize:
            raise BadCheckpoint(
                f"Storage '{key}' has {content.numel()} bytes, not {count} {dtype}."
            )
        return Storage(content.view(dtype))

    unpickler = Unpickler(storage, budget)
    value = unpickler.run(io.BytesIO(archive.read(f"{root}data.pkl", budget.limits.bytes)))
    return Pickled(value, tuple(sorted(unpickler.foreign)))


def _root(archive: StoredZip) -> str:
    """The folder in the archive that holds the pickle."""
    roots = [name.removesuffix("data.pkl") for name in archive if name.endswith("/data.pkl")]
    if len(roots) != 1 or f"{roots[0]}constants.pkl" in archive:
        raise BadCheckpoint(
            "It is a zip, but not a PyTorch checkpoint.",
            "A TorchScript archive holds a program; ask the author for the state dict."
            if any(name.endswith("constants.pkl") for name in archive)
            else "Unpack it and give the checkpoint that is inside.",
        )
    return roots[0]


def _read_legacy(file: IO[bytes], budget: Budget) -> Pickled:
    """Five pickles (magic, protocol, system, value, storage keys), then the storages' bytes."""
    header = Unpickler(_refuse_persistent, budget)
    if header.run(file) != LEGACY_MAGIC or header.run(file) != LEGACY_PROTOCOL:
        raise BadCheckpoint("It is a pickle, but not a PyTorch checkpoint.")
    system = header.run(file)
    _check_byte_order(not isinstance(system, dict) or system.get("little_endian", True))
    storages = _LegacyStorages(_size(file), budget)
    unpickler = Unpickler(storages.view, budget)
    value = unpickler.run(file)
    storages.fill(file, header.run(file))
    return Pickled(value, tuple(sorted(unpickler.foreign)))


def _size(file: IO[bytes]) -> int:
    place = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(place)
    return size


class _LegacyStorages:
    """Storages that are met first and filled later: in these files the numbers come last."""

    def __init__(self, file_size: int, budget: Budget) -> None:
        self.left, self.budget = file_size, budget
        self.found: dict[str, tuple[torch.dtype, torch.Tensor]] = {}

    def view(self, pid: object) -> Storage | GlobalName:
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            if not isinstance(pid[1], GlobalName):
                raise BadCheckpoint("A pickled module has no class.")
            return pid[1]  # a module's class, stored with its source text
        dtype, key, count, view = _storage_id(pid)
        if key not in self.found:
            self.left -= count * dtype.itemsize
            if self.left < 0:
                raise BadCheckpoint("The file is smaller than the storages that it declares.")
            self.budget.spend(16)
            self.budget.allow_views(count * dtype.itemsize)
            self.found[key] = (dtype, torch.empty(count, dtype=dtype))
        known, flat = self.found[key]
        if known != dtype or flat.numel() != count:
            raise BadCheckpoint(f"Storage '{key}' is declared twice and differently.")
        if view is None:
            return Storage(flat)
        if not isinstance(view, tuple) or len(view) != 3 or [*map(type, view[1:])] != [int, int]:
            raise BadCheckpoint(f"Storage '{key}' has a malformed view.")
        _, offset, size = view
        if offset < 0 or size < 0 or offset + size > count:
            raise BadCheckpoint(f"A view reaches outside storage '{key}'.")
        return Storage(flat[offset : offset + size])

    def fill(self, file: IO[bytes], keys: Any) -> None:
        texts = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        if not texts or sorted(keys) != sorted(self.found):
            raise BadCheckpoint("Its list of storages does not match its tensors.")
        for key in keys:
            flat = self.found[key][1]
            (count,) = struct.unpack("<q", file.read(8))
            if count != flat.numel():
                raise BadCheckpoint(f"Storage '{key}' has {count} elements, not {flat.numel()}.")
            content = flat.view(torch.uint8).numpy()
            if file.readinto(content) != content.nbytes:  # type: ignore[attr-defined]
                raise BadCheckpoint("The tensor data is truncated.")


def _check_byte_order(little: bool) -> None:
    if little != (sys.byteorder == "little"):
        raise BadCheckpoint(
            "The checkpoint has a different byte order from this machine.",
            "Ask its author for a .safetensors file.",
        )
