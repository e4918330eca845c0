"""Protocol buffers' wire format, read within bounds: fields as numbers, wire types and values.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DAMAGED

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class Field(NamedTuple):
    """One field of a message. `value` is a number, or for BYTES a part of the whole."""

    number: int
    wire: int
    value: int
    content: memoryview

    @property
    def text(self) -> str:
        return self.content.tobytes().decode("utf-8", "replace")

    @property
    def signed(self) -> int:
        """The number as a signed one of 64 bits."""
        return self.value - (1 << 64) if self.value >> 63 else self.value


_NOTHING = memoryview(b"")


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, in order; none of them is looked into.

    Raises BadCheckpoint for what runs over the end, for groups and for wire types that are none.
    """
    place, end = 0, len(message)
    while place < end:
        key, place = varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = varint(message, place)
            yield Field(number, wire, value, _NOTHING)
        elif wire in (FIXED64, FIXED32):
            size, code = (8, "<Q") if wire == FIXED64 else (4, "<I")
            value = struct.unpack(code, _part(message, place, size))[0]
            place += size
            yield Field(number, wire, value, _NOTHING)
        elif wire == BYTES:
            size, place = varint(message, place)
            yield Field(number, wire, 0, _part(message, place, size))
            place += size
        else:
            raise BadCheckpoint(f"The file has a field of wire type {wire}.", DAMAGED)


def varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it. Raises BadCheckpoint."""
    value = 0
    for count, byte in enumerate(message[place : place + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place + count + 1
    raise BadCheckpoint("The file ends within a number.", DAMAGED)


def numbers(found: Field) -> list[int]:
    """A repeated integer field's values, packed or one. Raises BadCheckpoint."""
    if found.wire != BYTES:
        return [found.signed]
    values, place = [], 0
    while place < len(found.content):
        value, place = varint(found.content, place)
        values.append(value - (1 << 64) if value >> 63 else value)
    return values


def _part(message: memoryview, place: int, size: int) -> memoryview:
    if size > len(message) - place:
        raise BadCheckpoint(
            f"The file ends {size - (len(message) - place)} bytes early in one of its parts.",
            DAMAGED,
        )
    return message[place : place + size]
