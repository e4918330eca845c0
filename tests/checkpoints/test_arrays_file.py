"""Arrays of NumPy's files: numbers come in, objects and bombs do not."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from vivavoce.checkpoints.arrays_file import read_arrays
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import Limits


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_in_as_they_are(tmp_path, save):
    file, table = tmp_path / "a.npz", np.arange(6, dtype=">i4").reshape(2, 3)
    save(file, table=np.asfortranarray(table), row=np.array([1.5], np.float32))
    found = read_arrays(file)
    assert found["table"].tolist() == table.tolist()
    assert torch.equal(found["row"], torch.tensor([1.5]))


def test_objects_are_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, bad=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadCheckpoint, match=r"'bad\.npy' holds no numbers"):
        read_arrays(file)


def test_large_and_damaged_files_are_refused(tmp_path):
    file = tmp_path / "a.npz"
    np.savez_compressed(file, zeros=np.zeros(1_000_000))
    with pytest.raises(BadCheckpoint, match="more than 1000 bytes of arrays"):
        read_arrays(file, Limits(bytes=1000))
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(BadCheckpoint, match=r"a\.npz cannot be read"):
        read_arrays(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"no array")
    with pytest.raises(BadCheckpoint, match=r"a\.npz cannot be read"):
        read_arrays(file)
