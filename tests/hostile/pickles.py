"""Hostile pickles in both of PyTorch's containers: code, bombs, lies about sizes, damage."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Iterator

import numpy as np

from tests.checkpoints import opcodes as op
from tests.checkpoints.test_unpickle import attacks
from tests.hostile.case import CANARY, HostileFile, Outcome
from vivavoce.checkpoints.torch_file import LEGACY_MAGIC

FOUR = struct.pack("<4f", 1, 2, 3, 4)
STORAGE = op.storage("FloatStorage", "0", 4)
WEIGHT = op.tensor(STORAGE, 0, (4,), (1,))
REBUILD = op.name("torch._utils", "_rebuild_tensor_v2")


def zipped(body: bytes, storages: dict[str, bytes] | None = None, compression: int = 0) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("archive/data.pkl", op.pickle(body))
        file.writestr("archive/byteorder", "little")
        for key, content in (storages or {"0": FOUR}).items():
            file.writestr(f"archive/data/{key}", content)
    return stream.getvalue()


def legacy(body: bytes, keys: object = ("0",), end: bytes = struct.pack("<q", 4) + FOUR) -> bytes:
    header = [pickle.dumps(v, 2) for v in (LEGACY_MAGIC, 1001, {"little_endian": True})]
    listed = pickle.dumps(list(keys) if isinstance(keys, tuple) else keys, 2)
    return b"".join(header) + op.pickle(body) + listed + end


def with_weight(value: bytes) -> bytes:
    return op.dictionary(w=WEIGHT, x=value)


def put(n: int) -> bytes:
    return b"r" + struct.pack("<I", n)


def get(n: int) -> bytes:
    return b"j" + struct.pack("<I", n)


def laughs(levels: int = 60) -> bytes:
    """An opaque object made of two, each made of two: 2^60 when printed."""
    body = op.reduce(op.name("a", "B")) + put(0)
    for n in range(levels):
        body += b"0" + op.reduce(op.name("a", "B"), get(n), get(n)) + put(n + 1)
    return body


def lists(levels: int = 60) -> bytes:
    body = b"]" + put(0)
    for n in range(levels):
        body += b"0](" + get(n) + get(n) + b"e" + put(n + 1)
    return body


def repeated(count: int, of: bytes = STORAGE) -> bytes:
    return op.tensor(of, 0, (count,), (0,))


def rebuilt(size: bytes, stride: bytes, storage: bytes = STORAGE) -> bytes:
    return op.reduce(REBUILD, storage, op.number(0), size, stride, b"\x89", b"N")


def odd_storage(kind: bytes, key: bytes, count: bytes) -> bytes:
    return op.arguments(op.text("storage"), kind, key, op.text("cpu"), count) + b"Q"


FLOAT, SHAPE, ESCAPE = op.name("torch", "FloatStorage"), op.arguments(op.number(4)), "\x1b[2J\x07"
STRIDE = op.arguments(op.number(1))
MILLION = op.number(1 << 20)
BIG = b"\x8b" + struct.pack("<i", 4000) + b"\x7f" * 4000
SIX_THOUSAND = b"](" + b"".join(map(op.number, range(6000))) + b"e" + put(0) + b"0"
COPIES = b"".join(op.reduce(op.name("builtins", "set"), get(0)) + b"0" for _ in range(2000))
ENCODED = (
    op.text("x" * 100_000)
    + put(0)
    + b"".join(
        op.reduce(op.name("_codecs", "encode"), get(0), op.text("latin1")) for _ in range(2000)
    )
)
ARRAY = pickle.dumps(np.ones(3), 2)[2:-1]

BODIES: dict[str, tuple[bytes, Outcome]] = {
    "arguments that are a tensor": (op.name("a", "B") + repeated(1 << 20) + b"R", "refused"),
    "a size that is a tensor": (rebuilt(repeated(1 << 20), STRIDE), "refused"),
    "torch.Size of a tensor": (
        op.reduce(op.name("torch", "Size"), repeated(1 << 20)),
        "refused",
    ),
    "many repeated tensors": (op.arguments(*[repeated(1 << 20)] * 60), "refused"),
    "few repeated tensors": (op.arguments(*[repeated(1 << 10)] * 60), "loads"),
    "laughs as a value": (laughs(), "loads"),
    "laughs as a key": (b"}" + laughs() + b"Ns", "loads"),
    "laughs in a key": (b"}" + laughs() + b"\x85Ns", "loads"),
    "laughs as a size": (rebuilt(laughs(), STRIDE), "refused"),
    "laughs in a size": (rebuilt(laughs() + b"\x85", STRIDE), "refused"),
    "laughs as a storage type": (odd_storage(laughs(), op.text("0"), op.number(4)), "refused"),
    "laughs as a storage key": (odd_storage(FLOAT, laughs(), op.number(4)), "refused"),
    "laughs as a count": (odd_storage(FLOAT, op.text("0"), laughs()), "refused"),
    "laughs that are called": (laughs() + b")R", "loads"),
    "lists of lists as a value": (lists(), "loads"),
    "lists of lists as a size": (rebuilt(lists(), STRIDE), "refused"),
    "lists of lists as a storage type": (
        odd_storage(lists(), op.text("0"), op.number(4)),
        "refused",
    ),
    "lists of lists as an encoding": (
        op.reduce(op.name("_codecs", "encode"), op.text("a"), lists()),
        "refused",
    ),
    "an encoding that decompresses": (
        op.reduce(op.name("_codecs", "encode"), op.text("a"), op.text("zlib")),
        "refused",
    ),
    "a set copied again and again": (SIX_THOUSAND + COPIES + b"N", "refused"),
    "text encoded again and again": (ENCODED, "refused"),
    "steps without end": (b"N0" * 600_000 + b"N", "refused"),
    "a million lists": (b"]" * 1_100_000, "refused"),
    "a hundred thousand sets": (b"\x8f" * 300_000, "refused"),
    "a hundred thousand names": (b"ca\nB\n" * 300_000, "refused"),
    "a hundred thousand objects": (b"ca\nB\n)R" * 200_000, "refused"),
    "a hundred thousand tensors": (WEIGHT * 20_000, "refused"),
    "a very large integer": (BIG, "refused"),
    "a very large integer as a key": (b"}" + BIG + b"Ns", "refused"),
    "a very large integer as a size": (rebuilt(BIG + b"\x85", STRIDE), "refused"),
    "a large integer as a size": (rebuilt(b"\x8a\x0a" + b"\x7f" * 10 + b"\x85", STRIDE), "refused"),
    "sizes whose product is huge": (
        rebuilt(op.arguments(*[MILLION] * 30), op.arguments(*[op.number(0)] * 30)),
        "refused",
    ),
    "nothing times very much": (
        rebuilt(op.arguments(op.number(0), MILLION), op.arguments(MILLION, STRIDE[1:-1])),
        "loads",
    ),
    "too many dimensions": (
        rebuilt(op.arguments(*[op.number(1)] * 100), op.arguments(*[op.number(1)] * 100)),
        "refused",
    ),
    "a negative size": (rebuilt(op.arguments(op.number(-4)), STRIDE), "refused"),
    "a negative stride": (rebuilt(SHAPE, op.arguments(op.number(-1))), "refused"),
    "a size of fractions": (rebuilt(op.arguments(b"G?\xf0" + bytes(6)), STRIDE), "refused"),
    "a size of truth": (rebuilt(op.arguments(b"\x88"), STRIDE), "refused"),
    "a size that is text": (rebuilt(op.text(ESCAPE), op.text(ESCAPE)), "refused"),
    "escapes in a storage type": (
        odd_storage(op.text(ESCAPE), op.text("0"), op.number(4)),
        "refused",
    ),
    "escapes in a storage name": (
        odd_storage(op.name("torch", ESCAPE), op.text("0"), op.number(4)),
        "refused",
    ),
    "escapes in a storage key": (odd_storage(FLOAT, op.text(ESCAPE), op.number(4)), "refused"),
    "escapes in a name": (op.stack_name(ESCAPE, ESCAPE), "loads"),
    "escapes in an opcode's argument": (b"S'\x1b[2J\n", "refused"),
    "a long storage key": (odd_storage(FLOAT, op.text("0" * 5000), op.number(4)), "refused"),
    "a long key": (b"}" + op.text("k" * 5000) + b"Ns", "refused"),
    "a key that is a list": (b"}]Ns", "refused"),
    "a key that is a tensor": (b"}" + WEIGHT + b"Ns", "refused"),
    "a key that is a deep tuple": (b"})" + b"\x85" * 90_000 + b"Ns", "refused"),
    "a set of lists": (b"\x8f(]\x90", "refused"),
    "a name that is a number": (op.number(1) + op.number(2) + b"\x93", "refused"),
    "a very long name": (op.name("a" * 5000, "b" * 5000), "refused"),
    "a deep list": (b"]" * 50_000 + b"a" * 49_999, "loads"),
    "a list in itself": (b"]" + put(0) + get(0) + b"a", "loads"),
    "a table in itself": (b"}" + put(0) + op.text("a") + get(0) + b"s", "loads"),
    "half of a surrogate pair": (b"X\x03\x00\x00\x00\xed\xa0\x80", "refused"),
    "a tensor type within itself": (
        op.reduce(
            op.name("torch._tensor", "_rebuild_from_type_v2"),
            op.name("torch._tensor", "_rebuild_from_type_v2"),
            op.name("a", "B"),
            op.arguments(b"N"),
            b"N",
        ),
        "refused",
    ),
    "a dtype that is a table": (op.reduce(op.name("numpy", "dtype"), b"}"), "loads"),
    "a dtype of wide text": (
        op.reduce(op.name("numpy", "dtype"), op.text("U9999"))
        + b"(K\x03"
        + op.text("|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
        "loads",
    ),
    "an array without a state": (ARRAY + b"Nb", "loads"),
    "a scalar of nothing": (
        op.reduce(op.name("numpy.core.multiarray", "scalar"), b"N", b"N"),
        "refused",
    ),
    "an array made of a tensor": (
        op.reduce(
            op.name("numpy.core.numeric", "_frombuffer"),
            WEIGHT,
            op.name("numpy", "float32"),
            b")",
            op.text("C"),
        ),
        "refused",
    ),
    "appending to a number": (op.number(1) + b"Na", "refused"),
    "an item of a list": (b"]" + op.text("a") + b"Ns", "refused"),
    "nothing on the stack": (b"000000", "refused"),
    "an unknown memo": (get(77), "refused"),
    "next buffer": (b"\x97", "refused"),
    "a string beyond the end": (b"\x8d" + struct.pack("<Q", 1 << 40), "refused"),
    "bytes beyond the end": (b"\x8e" + struct.pack("<Q", 1 << 62), "refused"),
    "text beyond the end": (b"X\xff\xff\xff\x7f", "refused"),
}


def cases() -> Iterator[HostileFile]:
    for kind, body in attacks(CANARY.decode()).items():
        yield HostileFile(f"code: {kind}", "x.pth", zipped(with_weight(body)), "weights")
        yield HostileFile(f"code, old format: {kind}", "x.pt", legacy(with_weight(body)), "weights")
        yield HostileFile(f"code in speakers: {kind}", "x.pth", zipped(body), "scattered")
    for kind, (body, expected) in BODIES.items():
        content = zipped(with_weight(body))
        yield HostileFile(f"pickle: {kind}", "x.pth", content, "weights", expected)
        if len(body) < 100_000:
            yield HostileFile(
                f"pickle, old format: {kind}",
                "x.pth",
                legacy(with_weight(body)),
                "weights",
                expected,
            )
