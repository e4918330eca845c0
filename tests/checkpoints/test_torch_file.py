from __future__ import annotations

import gc
import mmap
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.checkpoints import opcodes as op
from vivavoce.checkpoints import torch_file
from vivavoce.checkpoints.pickle_values import OpaqueObject
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def save(value, path, zipped=True):
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


def dtypes():
    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64)
    integers = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool)
    return {str(t): torch.arange(5).to(t) for t in floats + integers}


@FORMATS
def test_same_as_torch(tmp_path, zipped):
    shared = torch.arange(12.0).reshape(3, 4)
    value = {
        **dtypes(),
        "transposed": shared.t(),
        "slice": shared[1:, ::2],
        "expanded": torch.ones(1).expand(5),
        "scalar": torch.tensor(3),
        "empty": torch.empty(0, 4),
        "parameter": nn.Parameter(torch.randn(2, 2)),
        "nested": OrderedDict(a=[shared, (shared,)], b=defaultdict(int, x=1)),
        "size": shared.shape,
    }
    path = save(value, tmp_path / "model.pth", zipped)
    read = torch_file.read(path)
    known = torch.load(path, weights_only=False)  # written two lines above
    assert read.foreign == ()
    for key, expected in known.items():
        if isinstance(expected, torch.Tensor):
            assert torch.equal(read.value[key], expected), key
            assert read.value[key].dtype == expected.dtype
            assert not read.value[key].requires_grad
    assert torch.equal(read.value["nested"]["a"][1][0], shared)
    assert read.value["nested"]["b"] == {"x": 1}
    assert read.value["size"] == (3, 4)
    transposed, whole = read.value["transposed"], read.value["nested"]["a"][0]
    assert transposed.data_ptr() == whole.data_ptr(), "shared numbers are stored once"


@FORMATS
def test_optimisers_and_state_dicts(tmp_path, zipped):
    module = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3))
    optimiser = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-3}]}
    value = {"model": module.state_dict(), "optimizer": optimiser, "step": 1}
    read = torch_file.read(save(value, tmp_path / "x.pt", zipped)).value
    for key, expected in module.state_dict().items():
        assert torch.equal(read["model"][key], expected)
    assert read["optimizer"]["param_groups"][0]["lr"] == 1e-3
    assert torch.equal(read["optimizer"]["state"][0]["exp_avg"], torch.ones(3))
    assert read["step"] == 1


@FORMATS
def test_whole_modules_become_stand_ins(tmp_path, zipped):
    path = tmp_path / "module.pt"
    save(nn.Linear(2, 3), path, zipped)
    read = torch_file.read(path)
    assert isinstance(read.value, OpaqueObject)
    assert read.foreign == ("torch.nn.modules.linear.Linear",)
    assert read.value.state["_parameters"]["weight"].shape == (3, 2)


def test_a_genuine_old_checkpoint(data_folder):
    path = data_folder("hifigan_v2_lj") / "hifigan" / "LJ_V2" / "generator_v2"
    read = torch_file.read(path)
    known = torch.load(path, map_location="cpu", weights_only=True)["generator"]
    assert read.foreign == ()
    assert len(read.value["generator"]) == 234
    for key, expected in known.items():
        assert torch.equal(read.value["generator"][key], expected)


def test_writing_to_a_tensor_leaves_the_file_alone(tmp_path):
    path = save({"w": torch.ones(100)}, tmp_path / "x.pt")
    before = path.read_bytes()
    torch_file.read(path).value["w"].zero_()
    assert path.read_bytes() == before
    assert torch_file.read(path).value["w"].sum() == 100


def test_unaligned_entries_are_read_too(tmp_path):
    content = torch.arange(5, dtype=torch.int64).numpy().tobytes()
    body = op.dictionary(w=op.tensor(op.storage("LongStorage", "7", 5), 0, (5,), (1,)))
    path = op.archive(tmp_path / "x.pt", body, {"odd": b"x", "7": content})
    assert torch_file.read(path).value["w"].tolist() == [0, 1, 2, 3, 4]


@FORMATS
def test_every_truncation_is_a_bad_checkpoint(tmp_path, zipped):
    path = save({"a": torch.arange(9.0), "b": torch.ones(3)}, tmp_path / "x.pt", zipped)
    content = path.read_bytes()
    for end in [*range(1, len(content) - 1, 37), len(content) - 1]:
        path.write_bytes(content[:end])
        with pytest.raises(BadCheckpoint, match="download it again"):
            torch_file.read(path)


def test_a_flipped_bit_is_noticed(tmp_path):
    path = save({"a": torch.arange(1000.0)}, tmp_path / "x.pt")
    content = bytearray(path.read_bytes())
    content[content.index(torch.arange(1000.0).numpy().tobytes()) + 1234] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadCheckpoint, match=r"data/0.* is damaged"):
        torch_file.read(path)


def test_files_without_checksums_are_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        path = save({"a": torch.arange(10.0)}, tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch_file.read(path).value["a"].sum() == 45


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (struct.pack("<Q", 20) + b'{"w":{"dtype":"F32"', "safetensors"),
        (b"hello", "download it again"),
        (pickle.dumps({"a": 1}), "not a PyTorch checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_explained(tmp_path, content, advice):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(BadCheckpoint, match=advice) as error:
        torch_file.read(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_a_bad_checkpoint(tmp_path):
    with pytest.raises(BadCheckpoint, match="Check the path"):
        torch_file.read(tmp_path / "none.pt")


def test_attacks_inside_real_containers(tmp_path):
    sentinel = tmp_path / "ran"
    system = op.reduce(op.name("os", "system"), op.text(f"touch {sentinel}"))
    path = op.archive(tmp_path / "x.pt", op.dictionary(state=op.dictionary(w=system)))
    with pytest.raises(UnsafeCheckpoint, match=r"x\.pt.*os\.system"):
        torch_file.read(path)
    header = [pickle.dumps(v, 2) for v in (torch_file.LEGACY_MAGIC, 1001, {"little_endian": True})]
    path.write_bytes(b"".join(header) + op.pickle(system))
    with pytest.raises(UnsafeCheckpoint, match=r"os\.system"):
        torch_file.read(path)
    path.write_bytes(op.pickle(system))
    with pytest.raises(UnsafeCheckpoint, match=r"os\.system"):
        torch_file.read(path)
    assert not sentinel.exists()


FOUR = struct.pack("<4f", 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("body", "storages"),
    [
        (op.tensor(op.storage("FloatStorage", "0", 5), 0, (5,), (1,)), {"0": FOUR}),
        (op.tensor(op.storage("FloatStorage", "0", 3), 0, (3,), (1,)), {"0": FOUR}),
        (op.tensor(op.storage("FloatStorage", "0", -4), 0, (4,), (1,)), {"0": FOUR}),
        (op.tensor(op.storage("FloatStorage", "0", 4), 1, (4,), (1,)), {"0": FOUR}),
        (op.tensor(op.storage("QInt8Storage", "0", 16), 0, (4,), (1,)), {"0": FOUR}),
        (op.tensor(op.storage("FloatStorage", "1", 4), 0, (4,), (1,)), {"0": FOUR}),
        (op.tensor(op.storage("FloatStorage", "../../data.pkl", 4), 0, (4,), (1,)), {"0": FOUR}),
        (op.text("module") + b"Q", {}),
    ],
)
def test_storages_that_do_not_fit(tmp_path, body, storages):
    path = op.archive(tmp_path / "x.pt", op.dictionary(w=body), storages)
    with pytest.raises(BadCheckpoint):
        torch_file.read(path)


def test_names_that_climb_are_only_names(tmp_path):
    """Entries are never unpacked, so a name with `..` is a key like any other."""
    body = op.dictionary(w=op.tensor(op.storage("FloatStorage", "../../evil", 4), 0, (4,), (1,)))
    (tmp_path / "in").mkdir()
    path = op.archive(tmp_path / "in" / "x.pt", body, {"../../evil": FOUR})
    assert torch_file.read(path).value["w"].tolist() == [1, 2, 3, 4]
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "x.pt"]


def test_zip_bombs_are_not_inflated(tmp_path):
    body = op.dictionary(w=op.tensor(op.storage("FloatStorage", "0", 1 << 20), 0, (1,), (1,)))
    bomb = {"0": bytes(1 << 22)}
    path = op.archive(tmp_path / "x.pt", body, bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10_000
    with pytest.raises(BadCheckpoint, match="compressed"):
        torch_file.read(path)


def test_an_index_that_lies_is_noticed(tmp_path):
    path = op.archive(tmp_path / "x.pt", op.text("a"), {"0": FOUR})
    content = path.read_bytes()
    centre = content.rindex(b"PK\1\2", 0, content.index(b"archive/data.pkl", 100))
    offset = struct.pack("<I", 3)
    path.write_bytes(content[: centre + 42] + offset + content[centre + 46 :])
    with pytest.raises(BadCheckpoint):
        torch_file.read(path)


def test_zips_that_are_something_else(tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(BadCheckpoint, match="Unpack it"):
        torch_file.read(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", b"N.")
        file.writestr("m/constants.pkl", b"N.")
    with pytest.raises(BadCheckpoint, match="TorchScript"):
        torch_file.read(path)


def test_sparse_tensors_are_refused(tmp_path):
    path = save({"w": torch.eye(3).to_sparse()}, tmp_path / "x.pt")
    with pytest.raises(BadCheckpoint, match="sparse"):
        torch_file.read(path)


def test_legacy_files_cannot_promise_more_than_they_hold(tmp_path):
    header = [pickle.dumps(v, 2) for v in (torch_file.LEGACY_MAGIC, 1001, {"little_endian": True})]
    parts = [op.text("storage"), op.name("torch", "FloatStorage"), op.text("0"), op.text("cpu")]
    huge = op.arguments(*parts, b"\x8a\x06" + (1 << 40).to_bytes(6, "little"), b"N") + b"Q"
    path = tmp_path / "x.pt"
    path.write_bytes(b"".join(header) + op.pickle(op.dictionary(w=op.tensor(huge, 0, (1,), (1,)))))
    with pytest.raises(BadCheckpoint, match="smaller than the storages"):
        torch_file.read(path)


def test_the_other_byte_order_is_refused(tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", op.pickle(b"N"))
        file.writestr("m/byteorder", "big")
    with pytest.raises(BadCheckpoint, match="byte order"):
        torch_file.read(path)


@FORMATS
def test_random_damage_never_escapes(tmp_path, zipped):
    """Whatever bytes a file is made of: a value or a typed error."""
    value = {"model": {f"k{i}": torch.ones(3, 2) for i in range(4)}, "config": {"a": [1, 2]}}
    path = save(value, tmp_path / "x.pt", zipped)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            torch_file.read(path)
            outcomes.add("value")
        except BadCheckpoint:
            outcomes.add("refused")
    assert outcomes == {"value", "refused"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_given_back_tensor_by_tensor(tmp_path):
    """As with safetensors: a model can be repacked piece by piece without two copies of it."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    # Kept: what else is freed meanwhile would be counted as well.
    values = {f"t{n}": torch.ones(4 << 20) for n in range(4)}
    torch.save(values, tmp_path / "x.pth")
    gc.collect()
    start = resident()
    found = torch_file.read(tmp_path / "x.pth").value
    assert sum(float(tensor.sum()) for tensor in found.values()) == 16 << 20
    assert resident() - start > 56 << 20
    for left in (3, 2, 1):
        del found[f"t{left}"]
        assert resident() - start < (16 * left + 8) << 20
    found["t0"][5] = 2.0
    assert float(found["t0"].sum()) == (4 << 20) + 1
    again = torch_file.read(tmp_path / "x.pth").value
    assert torch.equal(again["t0"], values["t0"])
