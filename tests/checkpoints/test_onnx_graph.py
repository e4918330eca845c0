"""ONNX files: what is read of them, and that hostile ones are refused by name."""

import struct

import numpy as np
import pytest
import torch

from vivavoce.checkpoints import onnx_graph
from vivavoce.checkpoints.protobuf import fields
from vivavoce.errors import BadCheckpoint


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def content(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: np.ndarray, kind: int, shape=None) -> bytes:
    shape = values.shape if shape is None else shape
    dims = b"".join(number(1, n) for n in shape)
    return dims + number(2, kind) + content(8, name) + content(9, values.tobytes())


def model(*graph: bytes) -> bytes:
    return content(2, "somebody") + content(7, b"".join(graph))


@pytest.fixture
def read(tmp_path):
    def from_bytes(data: bytes):
        file = tmp_path / "voice.onnx"
        file.write_bytes(data)
        return onnx_graph.read(file)

    return from_bytes


WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_tensors_nodes_and_names(read):
    attribute = content(1, "strides") + content(8, varint(4) + varint(2))
    node = content(1, "a") + content(1, "w") + content(2, "y") + content(4, "Conv")
    graph = read(
        model(
            content(5, tensor("w", WEIGHT, 1)),
            content(1, node + content(5, attribute)),
            content(11, content(1, "a")),
            content(12, content(1, "y")),
        )
    )
    assert torch.equal(graph.tensors["w"], torch.from_numpy(WEIGHT))
    assert (graph.inputs, graph.outputs, graph.producer) == (("a",), ("y",), "somebody")
    assert graph.makers["y"].kind == "Conv"
    assert graph.makers["y"].numbers["strides"] == (4, 2)


@pytest.mark.parametrize(
    ("kind", "values"),
    [(1, np.float32([0.5, -2])), (10, np.float16([0.5, -2])), (11, np.float64([0.5, -2]))],
)
def test_kinds_of_floats(kind, values, read):
    found = read(model(content(5, tensor("x", values, kind)))).tensors["x"]
    assert found.tolist() == [0.5, -2.0]


def test_bfloat16_and_listed_numbers(read):
    bits = np.float32([1.5]).view(np.uint32) >> 16
    raw = tensor("b", bits.astype(np.uint16), 16)
    listed = (
        number(1, 2) + number(2, 1) + content(8, "f") + content(4, np.float32([3, 4]).tobytes())
    )
    single = number(1, 1) + number(2, 1) + content(8, "s")
    single += varint(4 << 3 | 5) + struct.pack("<f", 7.0)
    integers = number(1, 2) + number(2, 7) + content(8, "i") + content(7, varint(-1) + varint(5))
    graph = read(model(*(content(5, t) for t in (raw, listed, single, integers))))
    assert graph.tensors["b"].dtype == torch.bfloat16
    assert {k: v.tolist() for k, v in graph.tensors.items()} == {
        "b": [1.5],
        "f": [3.0, 4.0],
        "s": [7.0],
        "i": [-1, 5],
    }


def test_constants_are_weights(read):
    constant = content(1, "value") + content(5, tensor("", WEIGHT, 1))
    node = content(2, "c") + content(4, "Constant") + content(5, constant)
    assert torch.equal(read(model(content(1, node))).tensors["c"], torch.from_numpy(WEIGHT))


EXTERNAL = tensor("w", WEIGHT, 1)[: -2 - WEIGHT.nbytes] + content(13, content(1, "location"))
HOSTILE = {
    "external data": (model(content(5, EXTERNAL)), "stored in another file"),
    "external data, said by number": (
        model(content(5, tensor("w", WEIGHT, 1) + number(14, 1))),
        "stored in another file",
    ),
    "more numbers than bytes": (
        model(content(5, tensor("w", WEIGHT, 1, (1 << 20, 1 << 20)))),
        "should have 1099511627776 values",
    ),
    "a negative side": (
        model(content(5, tensor("w", WEIGHT, 1, (-2, -3)))),
        "has the invalid shape",
    ),
    "half a number": (
        model(content(5, number(1, 1) + number(2, 1) + content(8, "w") + content(9, b"abc"))),
        "are truncated",
    ),
    "two graphs": (model() + content(7, b""), "holds 2 graphs"),
    "no graph": (content(2, "somebody"), "holds 0 graphs"),
    "a group": (varint(7 << 3 | 3), "wire type 3"),
    "a length beyond the end": (varint(7 << 3 | 2) + varint(1 << 62), "bytes early"),
    "an endless number": (b"\x80" * 64, "within a number"),
    "text": (b"this is not a model", "cannot be read"),
    "nothing": (b"", "holds 0 graphs"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name, read):
    data, message = HOSTILE[name]
    with pytest.raises(BadCheckpoint, match=message):
        read(data)


def test_every_truncation_is_refused_or_read(read):
    """No length of a damaged file ends in anything but a model or a BadCheckpoint."""
    whole = model(content(5, tensor("w", WEIGHT, 1)), content(11, content(1, "a")))
    refused = 0
    for length in range(len(whole)):
        try:
            read(whole[:length])
        except BadCheckpoint:
            refused += 1
    assert refused >= len(whole) - 2


def test_a_missing_file(tmp_path):
    with pytest.raises(BadCheckpoint, match="No such file"):
        onnx_graph.read(tmp_path / "none.onnx")


def test_signed_numbers():
    (field,) = fields(memoryview(number(3, -5)))
    assert field.signed == -5
