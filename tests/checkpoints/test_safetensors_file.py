from __future__ import annotations

import gc
import json
import mmap
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vivavoce.checkpoints import mapped, safetensors_file
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import Limits

MEBIBYTE = 1 << 20
DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
]


def write_raw(file: Path, entries: dict[str, tuple[str, list[int], bytes]], padding: int = 0):
    """A file of the format by hand: the official writer aligns, the format does not ask it to."""
    table, content = {}, b""
    for name, (dtype, shape, data) in entries.items():
        offsets = [len(content), len(content) + len(data)]
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        content += data
    header = json.dumps(table).encode() + b" " * padding
    file.write_bytes(struct.pack("<Q", len(header)) + header + content)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_and_shape(tmp_path, dtype):
    values = {
        "scalar": torch.ones((), dtype=dtype),
        "empty": torch.empty((0, 3), dtype=dtype),
        "table": torch.arange(12).reshape(3, 4).to(dtype),
        "long": torch.arange(5000).to(dtype),
    }
    save_file(values, tmp_path / "x.safetensors", {"format": "pt"})
    found, metadata = safetensors_file.read(tmp_path / "x.safetensors")
    assert metadata == {"format": "pt"}
    assert found.keys() == values.keys()
    for name, value in values.items():
        assert (found[name].dtype, found[name].shape) == (dtype, value.shape)
        assert torch.equal(found[name], value)


def test_writing_to_a_tensor_changes_neither_the_file_nor_its_neighbours(tmp_path):
    file = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(5000), "b": torch.zeros(5000)}, file)
    before = file.read_bytes()
    found, _ = safetensors_file.read(file)
    found["a"].fill_(7.0)
    found["b"][0] = 3.0
    del found["a"]
    gc.collect()
    assert found["b"][0] == 3.0, "pages that two tensors share are not given back"
    assert file.read_bytes() == before
    assert safetensors_file.read(file)[0]["a"].max() == 0


def test_a_view_keeps_its_numbers(tmp_path):
    save_file({"a": torch.arange(100_000.0)}, tmp_path / "x.safetensors")
    view = safetensors_file.read(tmp_path / "x.safetensors")[0]["a"].view(1000, 100)[500:]
    gc.collect()
    assert view[0, 0] == 50_000


@pytest.mark.parametrize("padding", range(4))
def test_numbers_that_are_not_aligned(tmp_path, padding):
    data = torch.arange(4.0).numpy().tobytes()
    write_raw(tmp_path / "x.safetensors", {"a": ("F32", [4], data)}, padding)
    found = safetensors_file.read(tmp_path / "x.safetensors")[0]["a"]
    assert found.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert found.data_ptr() % 4 == 0


def test_a_replaced_file_leaves_the_tensors_as_they_were(tmp_path):
    file, other = tmp_path / "x.safetensors", tmp_path / "y.safetensors"
    save_file({"a": torch.zeros(5000)}, file)
    found = (
        safetensors_file.read(file)[0]["a"].clone()
        if sys.platform == "win32"
        else safetensors_file.read(file)[0]["a"]
    )
    save_file({"a": torch.ones(10)}, other)
    other.replace(file)
    assert found.sum() == 0
    assert safetensors_file.read(file)[0]["a"].sum() == 10


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_given_back_tensor_by_tensor(tmp_path):
    """Reading costs resident memory, dropping a tensor gives back its own while others stay."""
    file = tmp_path / "x.safetensors"
    save_file({f"t{n}": torch.ones(4 * MEBIBYTE) for n in range(4)}, file)
    gc.collect()
    start = resident_bytes()
    found, _ = safetensors_file.read(file)
    assert resident_bytes() - start < 8 * MEBIBYTE, "nothing has been read yet"
    total = sum(float(t.sum()) for t in found.values())
    assert total == 16 * MEBIBYTE
    assert resident_bytes() - start > 56 * MEBIBYTE
    for left in (3, 2, 1):
        del found[f"t{left}"]
        assert resident_bytes() - start < (16 * left + 8) * MEBIBYTE
    assert float(found["t0"].sum()) == 4 * MEBIBYTE


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_after_the_other_takes_the_memory_of_one(tmp_path):
    file = tmp_path / "x.safetensors"
    save_file({f"t{n}": torch.ones(4 * MEBIBYTE) for n in range(4)}, file)
    gc.collect()
    start = resident_bytes()
    for tensor in safetensors_file.read(file)[0].values():
        assert float(tensor.sum()) == 4 * MEBIBYTE
        mapped.rest(tensor)
        assert resident_bytes() - start < 40 * MEBIBYTE


def test_few_bytes_are_a_copy(tmp_path):
    """Reading them would map 2 MB where Linux keeps files in such pages: neighbours come back."""
    file = tmp_path / "x"
    file.write_bytes(bytes(range(256)) * 1024)
    mapping = mapped.open_file(file)
    whole = np.frombuffer(mapping, np.uint8)
    for size, shared in ((1, False), (mapped.SMALL, False), (mapped.SMALL + 1, True)):
        content = mapped.piece(mapping, 7, 7 + size)
        assert np.array_equal(content, whole[7 : 7 + size])
        assert np.shares_memory(content, whole) == shared


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_of_many_tensors_needs_few_descriptors(tmp_path):
    """macOS allows a process 256 of them."""
    save_file({f"t{n}": torch.ones(2000) for n in range(300)}, tmp_path / "x.safetensors")
    before = len(list(Path("/proc/self/fd").iterdir()))
    found, _ = safetensors_file.read(tmp_path / "x.safetensors")
    assert len(found) == 300
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 2


@pytest.mark.parametrize("cut", [1, 100, 4000])
def test_a_truncated_file_is_refused(tmp_path, cut):
    save_file({"a": torch.ones(1000)}, tmp_path / "x.safetensors")
    content = (tmp_path / "x.safetensors").read_bytes()
    (tmp_path / "x.safetensors").write_bytes(content[:-cut])
    with pytest.raises(BadCheckpoint, match=r"not intact.*download it again"):
        safetensors_file.read(tmp_path / "x.safetensors")


def test_what_is_no_safetensors_file_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"<html>not found</html>" * 10)
    with pytest.raises(BadCheckpoint, match="not intact"):
        safetensors_file.read(tmp_path / "x.safetensors")
    with pytest.raises(BadCheckpoint, match="Check the path"):
        safetensors_file.read(tmp_path / "nothing.safetensors")


def test_what_is_written_is_what_the_formats_library_writes(tmp_path):
    values = {str(dtype): torch.arange(7).to(dtype) for dtype in DTYPES}
    values |= {"empty": torch.zeros(0, 3), "scalar": torch.tensor(2.5), "ü": torch.ones(2, 3)}
    kinds = {name: (value.dtype, value.shape) for name, value in values.items()}
    safetensors_file.write(tmp_path / "ours", kinds, values.__getitem__)
    save_file(values, tmp_path / "theirs")
    (size,) = struct.unpack("<Q", (tmp_path / "ours").read_bytes()[:8])
    assert size % 8 == 0
    assert load_file(tmp_path / "ours").keys() == values.keys()
    for name, value in load_file(tmp_path / "ours").items():
        assert value.dtype == values[name].dtype
        assert torch.equal(value, values[name])
    assert (tmp_path / "ours").stat().st_size <= (tmp_path / "theirs").stat().st_size + 8


def header(table, numbers: bytes = b"") -> bytes:
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


NUMBERS = bytes(8)
MALFORMED = {
    "a list": header([1]),
    "an entry that is a list": header({"a": [1]}),
    "a missing key": header({"a": {"dtype": "F32", "shape": [0]}}),
    "another key": header({"a": entry() | {"more": 1}}, NUMBERS),
    "an unknown type": header({"a": entry("F4")}, NUMBERS),
    "a type that is a list": header({"a": entry(["F32"])}, NUMBERS),
    "a shape that is text": header({"a": entry(shape="2")}, NUMBERS),
    "a shape of fractions": header({"a": entry(shape=(2.0,))}, NUMBERS),
    "a negative shape": header({"a": entry(shape=(-2,))}, NUMBERS),
    "a shape of truth": header({"a": entry("BOOL", (True,), (0, 1))}, b"1"),
    "nothing times very much": header({"a": entry(shape=(0, 2**64 - 1), offsets=(0, 0))}),
    "too many dimensions": header({"a": entry(shape=(1,) * 40)}, NUMBERS),
    "an end before its beginning": header({"a": entry(offsets=(8, 0))}, NUMBERS),
    "an odd size": header({"a": entry(offsets=(0, 7))}, NUMBERS),
    "one place too far": header({"a": entry(offsets=(1, 9))}, NUMBERS + b"1"),
    "overlapping tensors": header({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
    "a gap": header({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)),
    "bytes left over": header({"a": entry()}, NUMBERS + b"1"),
    "bytes missing": header({"a": entry()}, NUMBERS[1:]),
    "a header beyond the file": struct.pack("<Q", 2**63) + b"{}",
    "deep nesting": header(b"[" * 100_000),
    "not JSON": header(b"{'a':1}"),
    "not UTF-8": header(b'{"\xff":1}'),
    "metadata that is a list": header({"__metadata__": [1]}),
    "half of a surrogate pair": header(
        b'{"\\ud800":' + json.dumps(entry()).encode() + b"}", NUMBERS
    ),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_headers_are_refused(tmp_path, kind):
    file = tmp_path / "x.safetensors"
    file.write_bytes(header({"a": entry()}, NUMBERS))
    assert safetensors_file.read(file)[0]["a"].shape == (2,)
    file.write_bytes(MALFORMED[kind])
    with pytest.raises(BadCheckpoint, match="not intact"):
        safetensors_file.read(file)


def test_a_header_has_limits_that_can_be_raised(tmp_path):
    file = tmp_path / "x.safetensors"
    save_file({f"tensor.{n}": torch.zeros(1) for n in range(100)}, file)
    with pytest.raises(BadCheckpoint, match="not intact"):
        safetensors_file.read(file, Limits(objects=500))
    assert len(safetensors_file.read(file, Limits(objects=500).times(10))[0]) == 100


def test_small_files_are_saved_whole(tmp_path):
    shared = torch.arange(12.0).reshape(3, 4)
    values = {"a": shared.T, "b": shared[0], "c": shared[0]}
    safetensors_file.save(tmp_path / "v", values, {"kind": "test"})
    found, metadata = safetensors_file.read(tmp_path / "v")
    assert metadata == {"kind": "test"}
    assert all(torch.equal(found[name], values[name]) for name in values)
    with pytest.raises(FileExistsError):
        safetensors_file.save(tmp_path / "v", {}, replace=False)
    assert [p.name for p in tmp_path.iterdir()] == ["v"]
