"""Files as mapped memory that is given back piece by piece.

The whole file is one private mapping: reading a tensor brings its pages in, writing to it changes
no file. When the last view of a tensor is gone its pages go too, although the others stay, so that
a model can be repacked piece by piece without two copies of it in memory.
"""

from __future__ import annotations

import mmap
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from torch import Tensor

SMALL = 1 << 16
"""Reading one byte may bring in 2 MB, with pages of large neighbours that had gone already."""

_places: dict[int, tuple[mmap.mmap, int, int]] = {}  # of the pieces that are in use


def open_file(path: Path) -> mmap.mmap:
    """A private mapping of the whole file. Raises OSError, ValueError for an empty file."""
    with path.open("rb") as file:
        return map_open(file)


def map_open(file: IO[bytes]) -> mmap.mmap:
    """As `open_file`, of a file that is open: the mapping stays when it is closed."""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def piece(mapping: mmap.mmap, begin: int, end: int) -> np.ndarray:
    """The bytes between two offsets, `[N]`, as a copy where they are few.

    Nobody else may have a view of them.
    """
    content = np.frombuffer(mapping, np.uint8, end - begin, begin)
    if 0 < end - begin <= SMALL:
        return content.copy()
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
