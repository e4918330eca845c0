"""NumPy's `.npz` files as tensors. Nothing in them is run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DEFAULT, Limits, guard, in_force, too_much


def read_arrays(path: Path, limits: Limits = DEFAULT) -> dict[str, Tensor]:
    """Every array of numbers by its name, copied. Raises BadCheckpoint.

    `limits.bytes` bounds what the arrays take once unpacked.
    """
    most = in_force(limits).bytes
    with guard(path), zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > most:
            raise too_much(f"more than {most} bytes of arrays")
        found = {name.removesuffix(".npy"): _array(archive, name) for name in archive.namelist()}
    return found


def _array(archive: zipfile.ZipFile, name: str) -> Tensor:
    """What one entry holds. Its header may not state more than the entry has."""
    with archive.open(name) as stream:
        old = np.lib.format.read_magic(stream)[0] == 1
        header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(stream)
        if dtype.kind not in "biuf":
            raise BadCheckpoint(f"'{name}' holds no numbers.")
        values = np.frombuffer(stream.read(), dtype)
    order = "F" if fortran else "C"
    native = values.astype(dtype.newbyteorder("="))
    return torch.from_numpy(native.reshape(shape, order=order).copy())
