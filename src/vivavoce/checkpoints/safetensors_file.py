"""Safetensors, read as views of a mapped file and written one tensor at a time."""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivavoce import files
from vivavoce.checkpoints import mapped
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DAMAGED, DEFAULT, Budget, Limits, guard, reason_of
from vivavoce.tables import parse_json

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "BOOL": torch.bool,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "C64": torch.complex64,
}
_LARGEST_SIZE = 1 << 48


@dataclass(frozen=True)
class _Entry:
    """One tensor of the header; `begin` and `end` count from the end of the header."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def read(path: Path, limits: Limits = DEFAULT) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The file's tensors by name, and its header's metadata.

    Tensors are views of the mapped file: they take no memory until they are read. The header is
    read from the same mapping as the tensors, so a file that is replaced meanwhile does no harm.
    Raises BadCheckpoint.
    """
    with guard(path):
        if path.is_file() and path.stat().st_size < 8:
            raise BadCheckpoint(f"{path} is not intact: it has no header.", DAMAGED)
        mapping = mapped.open_file(path)
        try:
            return _read(mapping, limits)
        except BadCheckpoint as error:
            raise BadCheckpoint(f"{path} is not intact: {error.message}", DAMAGED) from error
        except (ValueError, RecursionError, struct.error) as error:
            raise BadCheckpoint(f"{path} is not intact ({reason_of(error)}).", DAMAGED) from error


def write(
    path: Path,
    kinds: Mapping[str, tuple[torch.dtype, Sequence[int]]],
    tensor: Callable[[str], Tensor],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Safetensors of these types and shapes; each tensor, contiguous, is asked for in its turn.

    So there is one of them in memory at a time. The widest types come first, as the format's
    library writes them: then every tensor lies at a multiple of its numbers' size. Raises OSError.
    """
    codes = {dtype: code for code, dtype in _DTYPES.items()}
    names = sorted(kinds, key=lambda name: (-kinds[name][0].itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in names:
        dtype, shape = kinds[name]
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": codes[dtype], "shape": [*shape], "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in names:
            file.write(tensor(name).reshape(-1).view(torch.uint8).numpy().data)


def save(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
    replace: bool = True,
) -> None:
    """A small file, whole or not at all, forced to the disk. Raises as `files.atomic_path`."""
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    kinds = {name: (tensor.dtype, tensor.shape) for name, tensor in ready.items()}
    with files.atomic_path(path, replace=replace, flush=True) as temporary:
        write(temporary, kinds, ready.__getitem__, metadata)


def _read(mapping: mmap.mmap, limits: Limits) -> tuple[dict[str, Tensor], dict[str, str]]:
    entries, metadata, start = _header(mapping, limits)
    return {entry.name: _tensor(mapping, start, entry) for entry in entries}, metadata


def _header(mapping: mmap.mmap, limits: Limits) -> tuple[list[_Entry], dict[str, str], int]:
    """The tensors, the metadata, and where the numbers begin."""
    (size,) = struct.unpack_from("<Q", mapping, 0)
    budget = Budget(limits)
    if size > min(budget.bytes, len(mapping) - 8):
        raise BadCheckpoint(f"its header of {size} bytes exceeds the file or the limit.")
    table = parse_json(mapping[8 : 8 + size].decode(), budget)
    metadata = table.pop("__metadata__", {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict) or not isinstance(metadata, dict):
        raise BadCheckpoint("its header is not a table.")
    budget.spend(8 * len(table))
    entries = [_entry(name, entry) for name, entry in table.items()]
    _check_layout(entries, len(mapping) - 8 - size)
    return entries, {str(key): str(value) for key, value in metadata.items()}, 8 + size


def _entry(name: str, entry: object) -> _Entry:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise BadCheckpoint(f"the entry of '{name[:100]}' is malformed.")
    dtype, shape, offsets = (entry[key] for key in ("dtype", "shape", "data_offsets"))
    known = _DTYPES.get(dtype) if isinstance(dtype, str) else None
    if known is None:
        raise BadCheckpoint(f"'{name[:100]}' has a type that is not supported.")
    sizes = shape if isinstance(shape, list) and len(shape) <= 32 else [-1]
    ends = offsets if isinstance(offsets, list) and len(offsets) == 2 else [-1, -1]
    if not all(type(n) is int and 0 <= n < _LARGEST_SIZE for n in (*sizes, *ends)):
        raise BadCheckpoint(f"'{name[:100]}' has an invalid shape or invalid offsets.")
    begin, end = ends
    if math.prod(sizes) * known.itemsize != end - begin:
        raise BadCheckpoint(f"the shape of '{name[:100]}' does not match its offsets.")
    return _Entry(name, known, tuple(sizes), begin, end)


def _check_layout(entries: Sequence[_Entry], n_bytes: int) -> None:
    """Tensors follow one another without gaps or overlaps, to the end of the file."""
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != end:
            raise BadCheckpoint(f"'{entry.name[:100]}' overlaps another tensor or leaves a gap.")
        end = entry.end
    if end != n_bytes:
        raise BadCheckpoint(f"it has {n_bytes} bytes of tensor data, not {end}.")


def _tensor(mapping: mmap.mmap, start: int, entry: _Entry) -> Tensor:
    if entry.begin == entry.end:
        return torch.empty(entry.shape, dtype=entry.dtype)
    begin = start + entry.begin
    content = mapped.piece(mapping, begin, start + entry.end)
    if begin % entry.dtype.itemsize:
        content = content.copy()
    # The array lives as long as any view of the tensor: torch keeps it for the storage.
    return torch.from_numpy(content).view(entry.dtype).reshape(entry.shape)
