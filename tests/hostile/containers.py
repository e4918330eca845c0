"""Hostile containers of pickles: zips and old files that lie, speakers, statistics."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
import torch

from tests.checkpoints import opcodes as op
from tests.checkpoints.test_unpickle import attacks
from tests.hostile.case import CANARY, HostileFile, Outcome
from tests.hostile.honest import npy, pth
from tests.hostile.pickles import (
    FLOAT,
    FOUR,
    WEIGHT,
    laughs,
    legacy,
    lists,
    odd_storage,
    with_weight,
    zipped,
)


def cases() -> Iterator[HostileFile]:
    yield from _containers()
    yield from _speakers()
    yield from _statistics()


def _containers() -> Iterator[HostileFile]:
    good, old = zipped(with_weight(b"N")), legacy(with_weight(b"N"))
    bomb = {"0": bytes(1 << 24)}
    index = good.rindex(b"PK\5\6")
    entry = good.rindex(b"PK\1\2")
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as file:
        for n in range(3000):
            file.writestr(f"archive/{n:03000d}", b"")
    files: dict[str, tuple[bytes, Outcome]] = {
        "an honest zip": (good, "loads"),
        "an honest old file": (old, "loads"),
        "deflated": (zipped(with_weight(b"N"), bomb, zipfile.ZIP_DEFLATED), "refused"),
        "overlapping entries": (_overlapping(), "refused"),
        "an index of many megabytes": (many.getvalue(), "refused"),
        "an index beyond the file": (
            good[: index + 12] + b"\xff\xff\xff\x7f" + good[index + 16 :],
            "refused",
        ),
        "an entry elsewhere": (good[: entry + 42] + b"\x07\0\0\0" + good[entry + 46 :], "refused"),
        "an entry that is encrypted": (good[: entry + 8] + b"\1\0" + good[entry + 10 :], "refused"),
        "an entry larger than the file": (
            good[: entry + 20] + b"\xff\xff\xff\x7f" * 2 + good[entry + 28 :],
            "refused",
        ),
        "a wrong checksum": (good.replace(FOUR, FOUR[::-1]), "refused"),
        "a missing storage": (zipped(with_weight(b"N"), {"1": FOUR}), "refused"),
        "a storage that is too small": (zipped(with_weight(b"N"), {"0": FOUR[:8]}), "refused"),
        "no pickle": (_zip({"archive/byteorder": b"little"}), "refused"),
        "two pickles": (_zip({"a/data.pkl": b"N.", "b/data.pkl": b"N."}), "refused"),
        "a program": (_zip({"a/data.pkl": b"N.", "a/constants.pkl": b"N."}), "refused"),
        "another zip": (_zip({"readme.txt": b"hello"}), "refused"),
        "the other byte order": (_zip({"a/data.pkl": b"N.", "a/byteorder": b"big"}), "refused"),
        "a long byte order": (_zip({"a/data.pkl": b"N.", "a/byteorder": b"l" * 10_000}), "refused"),
        "an empty file": (b"", "refused"),
        "two letters": (b"PK", "refused"),
        "a web page": (b"<html>", "refused"),
        "half of a zip": (good[: len(good) // 2], "refused"),
        "half of an old file": (old[: len(old) // 2], "refused"),
        "keys that are numbers": (legacy(with_weight(b"N"), (0,)), "refused"),
        "keys that are a table": (legacy(with_weight(b"N"), {"0": 1}), "refused"),
        "another count": (legacy(with_weight(b"N"), end=struct.pack("<q", -4) + FOUR), "refused"),
        "no numbers": (legacy(with_weight(b"N"), end=b""), "refused"),
        "more numbers than it holds": (
            legacy(
                op.tensor(
                    odd_storage(FLOAT, op.text("0"), b"\x8a\x06" + (1 << 40).to_bytes(6, "little")),
                    0,
                    (1,),
                    (1,),
                )
            ),
            "refused",
        ),
        "a module that is text": (
            legacy(
                op.arguments(op.text("module"), op.text("a"), op.text("b"), op.text("c")) + b"Q"
            ),
            "refused",
        ),
        "a view that is text": (
            legacy(
                op.arguments(
                    op.text("storage"),
                    FLOAT,
                    op.text("0"),
                    op.text("cpu"),
                    op.number(4),
                    op.text("abc"),
                )
                + b"Q"
            ),
            "refused",
        ),
        "a pickle without tensors": (pickle.dumps({"a": 1}), "refused"),
    }
    for kind, (content, expected) in files.items():
        yield HostileFile(f"container: {kind}", "x.pth", content, "weights", expected)


def _zip(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return stream.getvalue()


def _overlapping() -> bytes:
    """Storage 1 is the bytes of storage 0 and of what follows: counted twice, held once."""
    numbers = bytes(400)
    inner = b"PK\3\4" + bytes(22) + struct.pack("<HH", 0, 0) + numbers[:300]
    pairs = {str(n): op.storage("FloatStorage", str(n), size) for n, size in ((0, 200), (1, 75))}
    body = op.dictionary(**{f"w{n}": op.tensor(s, 0, (4,), (1,)) for n, s in pairs.items()})
    outer = (inner + bytes(800))[:800]
    content = bytearray(zipped(body, {"0": outer, "1": bytes(300)}))
    entry = content.rindex(b"PK\1\2")
    place = content.index(inner)
    struct.pack_into(
        "<L", content, entry + 16, zlib.crc32(bytes(content[place + 30 : place + 330]))
    )
    struct.pack_into("<L", content, entry + 42, place)
    return bytes(content)


def _speakers() -> Iterator[HostileFile]:
    deep: object = [1.0]
    for _ in range(40):
        deep = [deep, deep]
    table: object = {"a": torch.ones(1)}
    for _ in range(30):
        table = {"a": table, "b": table, "c": table, "d": table}
    files: dict[str, tuple[object, Outcome]] = {
        "big-endian numbers": ({"a": np.ones(3, ">f4")}, "loads"),
        "an array of text": ({"a": np.array(["x", "y"])}, "loads"),
        "an array of bytes": ({"a": np.array([b"x"])}, "loads"),
        "numbers as keys": ({0: [1.0], 1: {2: [2.0]}}, "loads"),
        "lists without end": ({"a": deep}, "loads"),
        "tables without end": (table, "refused"),
        "huge numbers": ({"a": [10**200]}, "loads"),
        "numbers beyond all bounds": ({"a": [10**400]}, "refused"),
        "rows of different lengths": ({"a": [[1], [1, 2]]}, "loads"),
        "escapes in names": ({"\x1b[2J": [1.0]}, "loads"),
    }
    for kind, (value, expected) in files.items():
        yield HostileFile(f"speakers: {kind}", "x.pth", pth(value), "scattered", expected)
    key = zipped(b"}" + laughs() + WEIGHT + b"s")
    yield HostileFile("speakers: laughs as a key", "x.pth", key, "scattered", "loads")


def _statistics() -> Iterator[HostileFile]:
    start = npy(np.array([{}], dtype=object))
    start = start[: start.index(b"\n") + 1]
    mean = np.zeros(4)
    files: dict[str, bytes] = {
        "plain numbers": npy(np.ones(3)),
        "text": b"hello",
        "nothing": b"",
        "no pickle": start,
        "another table": npy({"mean": 1}),
        "one of two": npy({"mel_mean": mean}),
        "text in place of numbers": npy({"mel_mean": "a", "mel_std": mean}),
        "text in arrays": npy({"mel_mean": np.array(["a"]), "mel_std": mean}),
        "values that are not finite": npy({"mel_mean": mean * np.nan, "mel_std": mean}),
        "a million bands": npy({"mel_mean": np.zeros(1 << 20), "mel_std": mean}),
        "laughs": start + op.pickle(op.dictionary(mel_mean=laughs(), mel_std=lists())),
        "a huge header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 30) + b"{" * 100,
        "another version": b"\x93NUMPY\x09\x09" + start[8:],
        "a header that is code": b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 30)
        + b"__import__('os').system('ls')\n",
    }
    for kind, content in files.items():
        yield HostileFile(f"statistics: {kind}", "x.npy", content, "statistics")
    for kind, body in list(attacks(CANARY.decode()).items())[:8]:
        content = start + op.pickle(body)
        yield HostileFile(f"statistics with code: {kind}", "x.npy", content, "statistics")
    honest = npy({"mel_mean": np.ones(3, ">f4"), "mel_std": [1, 2.5, 3]})
    yield HostileFile("statistics: big-endian", "x.npy", honest, "statistics", "loads")
