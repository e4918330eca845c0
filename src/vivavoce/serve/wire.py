"""Wyoming's messages on a TCP stream: read and written, with limits on every length."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import vivavoce
from vivavoce.serve.errors import ApiError
from vivavoce.serve.fields import parse_object

LINE = 64 << 10
DATA = 1 << 20
PAYLOAD = 1 << 20


class Garbage(Exception):
    """What came is no message of the protocol; the connection ends."""


@dataclass(frozen=True)
class WyomingEvent:
    """One message: a type, a JSON object, and bytes."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def text(self, name: str) -> str:
        """A string of the data, else nothing."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""

    def encoded(self) -> bytes:
        head: dict[str, Any] = {"type": self.type, "version": vivavoce.__version__}
        data = json.dumps(self.data).encode() if self.data else b""
        if data:
            head["data_length"] = len(data)
        if self.payload:
            head["payload_length"] = len(self.payload)
        return json.dumps(head).encode() + b"\n" + data + self.payload


async def read_event(reader: asyncio.StreamReader) -> WyomingEvent | None:
    """The next message, None at the end. Raises Garbage. `reader` has the limit `LINE`."""
    try:
        line = await reader.readline()
        if not line:
            return None
        head = _object(line)
        data = head.get("data") or {}
        if not isinstance(data, dict):
            raise Garbage("data is not an object")
        data_length = _length(head, "data_length", DATA)
        if data_length:
            data = data | _object(await reader.readexactly(data_length))
        payload = await reader.readexactly(_length(head, "payload_length", PAYLOAD))
    except asyncio.IncompleteReadError:
        return None
    except (ValueError, TypeError) as error:
        raise Garbage(str(error)) from error
    if not isinstance(head.get("type"), str):
        raise Garbage("a message without a type")
    return WyomingEvent(head["type"], data, payload)


def _object(data: bytes) -> dict[str, Any]:
    try:
        return parse_object(data)
    except ApiError as error:
        raise Garbage(error.message) from error


def _length(head: Mapping[str, Any], name: str, most: int) -> int:
    value = head.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Garbage(f"{name} is out of range")
    return value
