"""An ONNX file, written node by node without any package.

Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from torch import Tensor

IR_VERSION, OPSET = 8, 17
FLOAT, INT64 = 1, 7
_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE, _STRING_ATTRIBUTE, _INTS_ATTRIBUTE = 1, 2, 3, 7

Attribute = int | float | str | Sequence[int]


def varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def content(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


class GraphWriter:
    """Nodes in the order in which they are added. Values are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.tensors: dict[str, bytes] = {}
        self.constants: dict[tuple[str, bytes, tuple[int, ...]], str] = {}
        self.ends: list[bytes] = []
        self.stand_ins: dict[str, str] = {}  # values in place of inputs of these names

    def op(
        self,
        kind: str,
        *inputs: str,
        out: str = "",
        **attributes: Attribute,
    ) -> str:
        """The name of an operation's only result."""
        return self.ops(kind, *inputs, outs=[out or f"v{len(self.nodes)}"], **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, outs: Sequence[str] | int, **attributes: Attribute
    ) -> list[str]:
        """The names of an operation's results, of which `outs` are as many."""
        place = len(self.nodes)
        names = [f"v{place}_{n}" for n in range(outs)] if isinstance(outs, int) else list(outs)
        node = b"".join(content(1, name) for name in inputs)
        node += b"".join(content(2, name) for name in names)
        node += content(3, names[0]) + content(4, kind)
        node += b"".join(content(5, _attribute(k, v)) for k, v in attributes.items())
        self.nodes.append(node)
        return names

    def weight(self, name: str, tensor: Tensor) -> str:
        """A parameter under its own name."""
        if name not in self.tensors:
            self.tensors[name] = _tensor(name, tensor.detach().cpu().float().numpy())
        return name

    def constant(self, values: float | int | Sequence[float | int] | np.ndarray) -> str:
        """Floats become float32, whole numbers int64; equal ones are stored once."""
        array = np.asarray(values)
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self.constants:
            name = f"c{len(self.constants)}"
            self.constants[key] = name
            self.tensors[name] = _tensor(name, array)
        return self.constants[key]

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        if name in self.stand_ins:
            return self.stand_ins[name]
        self.ends.append(content(11, _value_info(name, kind, shape)))
        return name

    def output(self, name: str, kind: int, shape: Sequence[int | str]) -> None:
        self.ends.append(content(12, _value_info(name, kind, shape)))

    def model(self, name: str, producer: str, metadata: dict[str, str] | None = None) -> bytes:
        """The file's content."""
        graph = b"".join(content(1, node) for node in self.nodes) + content(2, name)
        graph += b"".join(content(5, tensor) for tensor in self.tensors.values())
        graph += b"".join(self.ends)
        whole = number(1, IR_VERSION) + content(2, producer) + content(7, graph)
        whole += content(8, content(1, "") + number(2, OPSET))
        for key, value in (metadata or {}).items():
            whole += content(14, content(1, key) + content(2, value))
        return whole


def _attribute(name: str, value: Attribute) -> bytes:
    head = content(1, name)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, _FLOAT_ATTRIBUTE)
    if isinstance(value, int):
        return head + number(3, value) + number(20, _INT_ATTRIBUTE)
    if isinstance(value, str):
        return head + content(4, value) + number(20, _STRING_ATTRIBUTE)
    packed = b"".join(number(8, int(v)) for v in value)
    return head + packed + number(20, _INTS_ATTRIBUTE)


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = FLOAT if array.dtype == np.float32 else INT64
    shape = b"".join(number(1, n) for n in array.shape)
    return shape + number(2, kind) + content(8, name) + content(9, array.tobytes())


def _value_info(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    sides = b"".join(
        content(1, number(1, side) if isinstance(side, int) else content(2, side)) for side in shape
    )
    tensor = number(1, kind) + content(2, sides)
    return content(1, name) + content(2, content(1, tensor))
