"""Coqui's `scale_stats.npy`: means and deviations per band. A pickle in the wild, read safely."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.checkpoints.machine import Machine
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint

Stats = tuple[tuple[float, ...], tuple[float, ...]]


def beside(folder: Path, name: str | None) -> Stats | None:
    """The mel statistics in the file a configuration names, if that file is in `folder`."""
    file = folder / Path(name).name if name else None
    return read(file) if file is not None and file.is_file() else None


def read(file: Path) -> Stats:
    """`mel_mean` and `mel_std`. Raises BadCheckpoint, UnsafeCheckpoint when it would run code."""
    with file.open("rb") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            reader = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            _, _, dtype = reader(stream)
        except (ValueError, AttributeError) as error:
            raise BadCheckpoint(f"{file} is not a NumPy file: {error}.") from error
        if not dtype.hasobject:
            raise BadCheckpoint(f"{file} holds plain numbers, not named statistics.")
        value = Machine(_no_storage).run(stream)
    table = _table(value)
    if table is None or not {"mel_mean", "mel_std"} <= table.keys():
        raise BadCheckpoint(f"{file} holds no mel statistics.", "Is it Coqui's scale_stats.npy?")
    mean, deviation = (np.asarray(table[k], np.float64).ravel() for k in ("mel_mean", "mel_std"))
    return tuple(map(float, mean)), tuple(map(float, deviation))


def _table(value: Any) -> dict[str, Any] | None:
    """The one entry of an object array, which the reader keeps as an inert list of items."""
    items = getattr(value, "items", None)
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else None


def _no_storage(_: Any) -> Any:
    raise UnsafeCheckpoint("Statistics have no tensors.")
