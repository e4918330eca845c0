"""Columns of strings and of lists of strings out of an Arrow IPC stream, without pyarrow.

The format: https://arrow.apache.org/docs/format/Columnar.html (encapsulated messages, record
batches) and its FlatBuffers tables Message, Schema and RecordBatch. Other types are skipped,
compressed batches and dictionaries refused. Every offset is checked against what was read.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Cell = str | tuple[str, ...] | None

CONTINUATION = 0xFFFFFFFF
SCHEMA, RECORD_BATCH = 1, 3
INTEGER, FLOAT, BINARY, UTF8, BOOL, LIST, LARGE_UTF8, LARGE_LIST = 2, 3, 4, 5, 6, 12, 20, 21
FIXED = (INTEGER, FLOAT, BOOL)
BUFFERS: dict[int, int] = {
    **dict.fromkeys((*FIXED, LIST, LARGE_LIST), 2),
    **dict.fromkeys((BINARY, UTF8, LARGE_UTF8), 3),
}
MAGIC = b"ARROW1\0\0"
MOST_CELLS = 50_000_000
DEEPEST = 4


def read_columns(data: bytes, names: Sequence[str]) -> dict[str, list[Cell]]:
    """The named columns of all batches. Raises ValueError for anything that is not as it should."""
    columns: dict[str, list[Cell]] = {name: [] for name in names}
    fields: list[_Field] | None = None
    try:
        for kind, header, body in _messages(data):
            if kind == SCHEMA:
                fields = [_field(table) for table in header.vector(1)]
                known = {field.name for field in fields}
                if missing := [name for name in names if name not in known]:
                    raise ValueError(f"it has no column {', '.join(missing)}")
            elif kind == RECORD_BATCH and fields is not None:
                batch = _Batch(header, body)
                for field in fields:
                    cells = batch.column(field)
                    if field.name in columns:
                        columns[field.name] += cells
            elif kind != SCHEMA:
                raise ValueError("it holds dictionaries, which are not supported")
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError("it is damaged") from error
    if fields is None:
        raise ValueError("it is not an Arrow stream")
    return columns


def _messages(data: bytes) -> Iterator[tuple[int, _Table, bytes]]:
    place = len(MAGIC) if data.startswith(MAGIC) else 0
    while place + 8 <= len(data):
        mark, size = struct.unpack_from("<Ii", data, place)
        if mark != CONTINUATION or size <= 0:
            return
        header = data[place + 8 : place + 8 + size]
        message = _Table(header, struct.unpack_from("<I", header, 0)[0])
        length = message.number(3, "<q", 0)
        begin = place + 8 + size
        if length < 0 or begin + length > len(data):
            raise ValueError("it ends in the middle of a batch")
        inner = message.table(2)
        if inner is not None:
            yield message.number(1, "<B", 0), inner, data[begin : begin + length]
        place = begin + length + (-length) % 8


@dataclass(frozen=True)
class _Table:
    """A FlatBuffers table: `place` is where it starts; fields are counted from 0."""

    data: bytes
    place: int

    def _at(self, field: int) -> int:
        """Where a field is; 0 where the table does not have it."""
        virtual = self.place - struct.unpack_from("<i", self.data, self.place)[0]
        size = struct.unpack_from("<H", self.data, virtual)[0]
        slot = 4 + 2 * field
        offset = struct.unpack_from("<H", self.data, virtual + slot)[0] if slot < size else 0
        return self.place + offset if offset else 0

    def _target(self, field: int) -> int:
        at = self._at(field)
        return at + struct.unpack_from("<I", self.data, at)[0] if at else 0

    def number(self, field: int, code: str, default: int) -> int:
        at = self._at(field)
        return int(struct.unpack_from(code, self.data, at)[0]) if at else default

    def table(self, field: int) -> _Table | None:
        target = self._target(field)
        return _Table(self.data, target) if target else None

    def string(self, field: int) -> str:
        target = self._target(field)
        if not target:
            return ""
        length = struct.unpack_from("<I", self.data, target)[0]
        return self.data[target + 4 : target + 4 + length].decode()

    def vector(self, field: int) -> list[_Table]:
        """A vector of tables."""
        target = self._target(field)
        count = struct.unpack_from("<I", self.data, target)[0] if target else 0
        places = range(target + 4, target + 4 + 4 * min(count, len(self.data)), 4)
        return [_Table(self.data, at + struct.unpack_from("<I", self.data, at)[0]) for at in places]

    def pairs(self, field: int) -> list[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        target = self._target(field)
        count = struct.unpack_from("<I", self.data, target)[0] if target else 0
        if count > len(self.data):
            raise ValueError("it is damaged")
        return [struct.unpack_from("<qq", self.data, target + 4 + 16 * i) for i in range(count)]


@dataclass(frozen=True)
class _Field:
    name: str
    kind: int
    children: tuple[_Field, ...]


def _field(table: _Table, depth: int = 0) -> _Field:
    inner = table.vector(5)
    if depth > DEEPEST or len(inner) > 1:  # a list has one child, all else that is read has none
        raise ValueError(f"its column '{table.string(0)}' is of a type that is not supported")
    kind = table.number(2, "<B", 0)
    children = tuple(_field(child, depth + 1) for child in inner)
    if kind not in BUFFERS or table.table(4) is not None:
        raise ValueError(f"its column '{table.string(0)}' is of a type that is not supported")
    return _Field(table.string(0), kind, children)


class _Batch:
    """A record batch; columns are taken in their order, since each uses up its buffers."""

    def __init__(self, header: _Table, body: bytes) -> None:
        if header.table(3) is not None:
            raise ValueError("it is compressed, which is not supported")
        self._nodes = iter(header.pairs(1))
        self._buffers = iter(header.pairs(2))
        self._body = body

    def column(self, field: _Field) -> list[Cell]:
        """The cells of one column; columns that hold no strings give None for each."""
        try:
            length, _ = next(self._nodes)
            buffers = [self._buffer() for _ in range(BUFFERS[field.kind])]
            inner = [self.column(child) for child in field.children]
        except StopIteration:
            raise ValueError("it is damaged") from None
        if not 0 <= length <= min(MOST_CELLS, 8 * len(self._body) + 8):
            raise ValueError("it is damaged")
        if field.kind in FIXED:
            return [None] * length
        wide = field.kind in (LARGE_UTF8, LARGE_LIST)
        edges = self._edges(buffers[1], length, wide)
        spans = itertools.pairwise(edges)
        if field.kind in (LIST, LARGE_LIST):
            texts = [cell if isinstance(cell, str) else "" for cell in inner[0]]
            cells: list[Cell] = [tuple(texts[a:b]) for a, b in spans]
        elif field.kind == BINARY:
            return [None] * length
        else:
            cells = [buffers[2][a:b].decode() for a, b in spans]
        valid = buffers[0]
        if not valid:
            return cells
        return [c if valid[i // 8] >> (i % 8) & 1 else None for i, c in enumerate(cells)]

    def _edges(self, buffer: bytes, length: int, wide: bool) -> Sequence[int]:
        if not length:
            return (0,)
        edges = struct.unpack_from(f"<{length + 1}{'q' if wide else 'i'}", buffer)
        if edges[0] < 0 or any(a > b for a, b in itertools.pairwise(edges)):
            raise ValueError("it is damaged")
        return edges

    def _buffer(self) -> bytes:
        offset, length = next(self._buffers)
        if offset < 0 or length < 0 or offset + length > len(self._body):
            raise ValueError("it is damaged")
        return self._body[offset : offset + length]
