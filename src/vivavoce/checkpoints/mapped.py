"""Files as mapped memory that is given back piece by piece, and safetensors read that way.

The whole file is one private mapping: reading a tensor brings its pages in, writing to it changes
no file. When the last view of a tensor is gone its pages go too, although the others stay, so that
a model can be repacked piece by piece without two copies of it in memory.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vivavoce.errors import BadCheckpoint

_places: dict[int, tuple[mmap.mmap, int, int]] = {}  # of the pieces that are in use

DAMAGED = "The file is incomplete or damaged; download it again."
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


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The file's tensors by name, and its header's metadata. Raises BadCheckpoint."""
    metadata = _checked(path)
    return dict(_each(path)), metadata


def each(path: Path) -> Iterator[tuple[str, Tensor]]:
    """One tensor after the other: what the caller lets go of takes no memory. As `read`."""
    _checked(path)
    return _each(path)


def write(
    path: Path,
    kinds: Mapping[str, tuple[torch.dtype, Sequence[int]]],
    tensor: Callable[[str], Tensor],
) -> None:
    """Safetensors of these types and shapes; each tensor, contiguous, is asked for in its turn.

    So there is one of them in memory at a time. The widest types come first, as the format's
    library writes them: then every tensor lies at a multiple of its numbers' size. Raises OSError.
    """
    codes = {dtype: code for code, dtype in _DTYPES.items()}
    names = sorted(kinds, key=lambda name: (-kinds[name][0].itemsize, name))
    header: dict[str, Any] = {}
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


def _each(path: Path) -> Iterator[tuple[str, Tensor]]:
    with _blame(path), path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        with _blame(path):
            tensor = _tensor(mapping, begin, end, _DTYPES[entry["dtype"]], entry["shape"])
        yield name, tensor
        del tensor


def _tensor(
    mapping: mmap.mmap, begin: int, end: int, dtype: torch.dtype, shape: list[int]
) -> Tensor:
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    content = piece(mapping, begin, end)
    if begin % dtype.itemsize:
        content = content.copy()
    # The array lives as long as any view of the tensor: torch keeps it for the storage.
    return torch.from_numpy(content).view(dtype).reshape(shape)


def piece(mapping: mmap.mmap, begin: int, end: int) -> np.ndarray:
    """The bytes between two offsets, `[N]`; nobody else may have a view of them."""
    content = np.frombuffer(mapping, np.uint8, end - begin, begin)
    address = content.ctypes.data
    _places[address] = (mapping, begin, end)
    weakref.finalize(content, _forget, address, mapping, begin, end).atexit = False
    return content


def rest(content: np.ndarray | Tensor) -> None:
    """Let the pages of a piece, or of a tensor made of one, go until they are read again.

    For what nobody has written to. Does nothing to what lies elsewhere.
    """
    whole = isinstance(content, np.ndarray)
    address = content.ctypes.data if whole else content.untyped_storage().data_ptr()
    if address in _places:
        _give_back(*_places[address])


def _forget(address: int, mapping: mmap.mmap, begin: int, end: int) -> None:
    _places.pop(address, None)
    _give_back(mapping, begin, end)


def _give_back(mapping: mmap.mmap, begin: int, end: int) -> None:
    """Drop the pages between two offsets; those shared with a neighbour stay."""
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
    last = end // mmap.PAGESIZE * mmap.PAGESIZE
    if last > first and hasattr(mmap, "MADV_DONTNEED"):
        with suppress(OSError, ValueError):  # only advice: without it they are dropped later
            mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


def _checked(path: Path) -> dict[str, str]:
    """The metadata, once the format's own library has found the file whole and consistent."""
    with _blame(path), safe_open(path, framework="pt") as file:
        return file.metadata() or {}


@contextmanager
def _blame(path: Path) -> Iterator[None]:
    """Whatever reading raises, as BadCheckpoint about `path`."""
    try:
        yield
    except (SafetensorError, ValueError, KeyError) as error:
        raise BadCheckpoint(f"{path} is not intact ({error}).", DAMAGED) from error
    except OSError as error:
        raise BadCheckpoint(f"Cannot read {path}: {error}.", "Check the path.") from error
