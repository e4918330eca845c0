"""The weights and the wiring in an ONNX file. Nothing is run, and no other file is opened.

Only what tells where a weight belongs is kept: nodes' kinds, inputs, outputs and integer
attributes. Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vivavoce.checkpoints.protobuf import BYTES, FIXED32, Field, fields, numbers
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DAMAGED

MOST_NODES = 200_000
MOST_TENSORS = 50_000
_FLOAT, _BFLOAT16 = 1, 16
_TYPES: Mapping[int, str] = {
    _FLOAT: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8",
    _BFLOAT16: "<i2",
}  # fmt: skip
_EXTERNAL = 1


@dataclass(frozen=True)
class OnnxNode:
    """One operation. `numbers` are its attributes of whole numbers, `value` its constant."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[str, tuple[int, ...]]
    value: Tensor | None = None


@dataclass(frozen=True)
class OnnxGraph:
    """`tensors` are the initialisers and constants; `makers` says which node made a value."""

    nodes: tuple[OnnxNode, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    producer: str = ""
    makers: Mapping[str, OnnxNode] = field(default_factory=dict)


def read(path: Path) -> OnnxGraph:
    """Raises BadCheckpoint for a damaged file, external data, and types that are not numbers."""
    try:
        message = memoryview(path.read_bytes())
    except OSError as error:
        raise BadCheckpoint(f"Cannot read {path}: {error.strerror}.", "Check the path.") from error
    graphs, producer = [], ""
    try:
        for found in fields(message):
            if found.number == 7 and found.wire == BYTES:
                graphs.append(found.content)
            elif found.number == 2 and found.wire == BYTES:
                producer = found.text
        if len(graphs) != 1:
            raise BadCheckpoint(f"It holds {len(graphs)} graphs; a model has one.")
        return _graph(graphs[0], producer)
    except BadCheckpoint as error:
        advice = error.advice or "It is not an ONNX model."
        raise BadCheckpoint(f"{path} cannot be read: {error.message}", advice) from error


def _graph(message: memoryview, producer: str) -> OnnxGraph:
    nodes: list[OnnxNode] = []
    tensors: dict[str, Tensor] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    for found in fields(message):
        if found.wire != BYTES:
            continue
        if found.number == 1:
            nodes.append(_node(found.content))
        elif found.number == 5:
            name, tensor = _tensor(found.content)
            if tensor is not None:
                tensors[name] = tensor
        elif found.number in (11, 12):
            (inputs if found.number == 11 else outputs).append(_name(found.content))
        if len(nodes) > MOST_NODES or len(tensors) > MOST_TENSORS:
            raise BadCheckpoint("It has too many nodes or tensors for a voice.")
    constants = {n.outputs[0]: n.value for n in nodes if n.value is not None and n.outputs}
    makers = {name: node for node in nodes for name in node.outputs}
    return OnnxGraph(
        tuple(nodes), constants | tensors, tuple(inputs), tuple(outputs), producer, makers
    )


def _name(message: memoryview) -> str:
    return next((f.text for f in fields(message) if f.number == 1), "")


def _node(message: memoryview) -> OnnxNode:
    inputs, outputs, kind = [], [], ""
    attributes: dict[str, tuple[int, ...]] = {}
    value: Tensor | None = None
    for found in fields(message):
        if found.number == 1:
            inputs.append(found.text)
        elif found.number == 2:
            outputs.append(found.text)
        elif found.number == 4:
            kind = found.text
        elif found.number == 5:
            name, values, tensor = _attribute(found.content)
            attributes[name] = values
            value = tensor if tensor is not None else value
    constant = value if kind == "Constant" else None
    return OnnxNode(kind, tuple(inputs), tuple(outputs), attributes, constant)


def _attribute(message: memoryview) -> tuple[str, tuple[int, ...], Tensor | None]:
    name, values, tensor = "", [], None
    for found in fields(message):
        if found.number == 1:
            name = found.text
        elif found.number in (3, 8):
            values += numbers(found)
        elif found.number == 5 and found.wire == BYTES:
            _, tensor = _tensor(found.content)
    return name, tuple(values), tensor


def _tensor(message: memoryview) -> tuple[str, Tensor | None]:
    """The tensor's name and numbers; None for types that are not numbers."""
    name, shape, kind = "", [], 0
    raw: memoryview | None = None
    listed: list[Field] = []
    for found in fields(message):
        if found.number == 1:
            shape += numbers(found)
        elif found.number == 2:
            kind = found.value
        elif found.number == 8:
            name = found.text
        elif found.number == 9:
            raw = found.content
        elif found.number in (4, 5, 7, 10):
            listed.append(found)
        elif found.number == 13 or (found.number == 14 and found.value == _EXTERNAL):
            raise BadCheckpoint(
                f"The values of '{name or 'a tensor'}' are stored in another file.",
                "Save the model in one file: onnx.save_model without external data.",
            )
    if kind not in _TYPES:
        return name, None
    if any(n < 0 for n in shape):
        raise BadCheckpoint(f"'{name}' has the invalid shape {shape}.", DAMAGED)
    values = _listed(listed, kind) if raw is None else np.frombuffer(raw, _type(kind, raw, name))
    if values.size != math.prod(shape):
        raise BadCheckpoint(
            f"'{name}' should have {math.prod(shape)} values; it has {values.size}.", DAMAGED
        )
    tensor = torch.from_numpy(values.reshape(shape).copy())
    return name, tensor.view(torch.bfloat16) if kind == _BFLOAT16 else tensor


def _type(kind: int, raw: memoryview, name: str) -> np.dtype:
    dtype = np.dtype(_TYPES[kind])
    if len(raw) % dtype.itemsize:
        raise BadCheckpoint(f"The values of '{name}' are truncated.", DAMAGED)
    return dtype


def _listed(found: list[Field], kind: int) -> np.ndarray:
    """Numbers that are fields of their own: floats, doubles, or integers of any type."""
    dtype = np.dtype(_TYPES[kind])
    parts: list[np.ndarray] = []
    for item in found:
        if item.number in (4, 10):
            wide = np.dtype("<f4" if item.number == 4 else "<f8")
            single = item.value.to_bytes(4 if item.wire == FIXED32 else 8, "little")
            content = item.content if item.wire == BYTES else memoryview(single)
            if len(content) % wide.itemsize:
                raise BadCheckpoint("The values of a tensor are truncated.", DAMAGED)
            parts.append(np.frombuffer(content, wide).astype(dtype))
        else:
            parts.append(_integers(numbers(item), dtype))
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _integers(values: list[int], dtype: np.dtype) -> np.ndarray:
    """Half-precision numbers are stored as the integers of their bits."""
    if dtype.kind == "f" and dtype.itemsize == 2:
        return np.array([v & 0xFFFF for v in values], np.uint16).view(dtype)
    if dtype == np.dtype("<i2"):
        return np.array([v & 0xFFFF for v in values], np.uint16).view(dtype)
    try:
        return np.array(values, np.int64).astype(dtype)
    except OverflowError as error:
        raise BadCheckpoint(
            "A tensor has values outside the range of its type.", DAMAGED
        ) from error
