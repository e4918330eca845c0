"""Pickle opcodes written by hand: what no honest pickler would produce."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def stack_name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def arguments(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def reduce(function: bytes, *items: bytes) -> bytes:
    return function + arguments(*items) + b"R"


def dictionary(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def pickle(body: bytes) -> bytes:
    return b"\x80\x04" + body + b"."


def storage(kind: str, key: str, count: int) -> bytes:
    """A persistent id as torch writes it."""
    parts = (text("storage"), name("torch", kind), text(key), text("cpu"), number(count))
    return arguments(*parts) + b"Q"


def tensor(storage_id: bytes, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    shape = arguments(*map(number, size)), arguments(*map(number, stride))
    flags = (b"\x89", reduce(name("collections", "OrderedDict")))
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return reduce(rebuild, storage_id, number(offset), *shape, *flags)


def archive(
    path: Path, body: bytes, storages: dict[str, bytes] | None = None, compression: int = 0
) -> Path:
    """A zip like torch's with `body` as its pickle."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", pickle(body))
        file.writestr("archive/byteorder", "little")
        for key, content in (storages or {}).items():
            file.writestr(f"archive/data/{key}", content)
    return path
