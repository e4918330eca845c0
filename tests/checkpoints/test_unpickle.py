from __future__ import annotations

import argparse
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoints import opcodes as op
from vivavoce.checkpoints.pickle_values import OpaqueObject
from vivavoce.checkpoints.unpickle import Unpickler
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.limits import Budget, Limits


def no_storage(_):
    raise BadCheckpoint("no storages here")


def run(body: bytes):
    unpickler = Unpickler(no_storage)
    return unpickler.run(io.BytesIO(op.pickle(body))), unpickler.foreign


def attacks(command: str) -> dict[str, bytes]:
    code, touch = op.text(f"open({command!r}, 'w')"), op.text(f"touch {command}")
    system = op.reduce(op.name("os", "system"), touch)
    attributes = op.name("builtins", "getattr")
    return {
        "os.system": system,
        "posix.system": op.reduce(op.name("posix", "system"), touch),
        "nt.system": op.reduce(op.name("nt", "system"), touch),
        "nested in a state dict": op.dictionary(model=op.dictionary(weight=system)),
        "eval": op.reduce(op.name("builtins", "eval"), code),
        "exec": op.reduce(op.name("builtins", "exec"), code),
        "python 2's eval": op.reduce(op.name("__builtin__", "eval"), code),
        "getattr": op.reduce(attributes, op.name("os", "path"), op.text("os")),
        "import": op.reduce(op.name("builtins", "__import__"), op.text("os")),
        "subprocess": op.reduce(op.name("subprocess", "check_output"), touch),
        "torch.load": op.reduce(op.name("torch", "load"), op.text(command)),
        "torch.hub": op.reduce(op.name("torch.hub", "load"), op.text("a/b"), op.text("c")),
        "torch.serialization.os": op.reduce(
            op.stack_name("torch.serialization", "os.system"), touch
        ),
        "dotted": op.reduce(op.stack_name("collections", "abc.sys.modules"), touch),
        "dunder": op.stack_name("torch", "nn.__class__.__subclasses__"),
        "protocol 0 instance": b"(" + touch + b"ios\nsystem\n",
        "protocol 1 object": b"(" + op.name("os", "system") + touch + b"o",
        "newobj": op.name("os", "system") + op.arguments(touch) + b"\x81",
        "state": op.name("os", "environ") + op.dictionary(a=touch) + b"b",
        "extension 1": b"\x82\x01",
        "extension 2": b"\x83\x01\x00",
        "extension 4": b"\x84\x01\x00\x00\x00",
        "pickled storage": op.reduce(op.name("torch.storage", "_load_from_bytes"), touch),
    }


@pytest.mark.parametrize("kind", attacks("x"))
def test_nothing_runs(kind, tmp_path):
    sentinel = tmp_path / "ran"
    with pytest.raises(UnsafeCheckpoint, match="Nothing was run"):
        run(attacks(str(sentinel))[kind])
    assert not sentinel.exists()


def test_the_refusal_names_what_was_asked_for():
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.system"):
        run(op.reduce(op.name("posix", "system"), op.text("true")))


class Writes:
    """Leaves a file when unpickled by Python's own unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return (leave_a_file, (self.path,))


class Restores:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __setstate__(self, state):
        leave_a_file(state["path"])


def leave_a_file(path: str) -> None:
    Path(path).write_text("ran")


@pytest.mark.parametrize("cls", [Writes, Restores])
@pytest.mark.parametrize("protocol", range(6))
def test_unknown_code_gives_opaque_objects(cls, protocol, tmp_path):
    sentinel = tmp_path / "ran"
    content = pickle.dumps({"model": {"a": 1, "b": cls(sentinel)}}, protocol)
    pickle.loads(content)
    assert sentinel.exists(), "the attack works on an ordinary unpickler"
    sentinel.unlink()

    unpickler = Unpickler(no_storage)
    value = unpickler.run(io.BytesIO(content))
    assert not sentinel.exists()
    assert value["model"]["a"] == 1
    left = value["model"]["b"]
    assert isinstance(left, OpaqueObject)
    assert any(name.endswith(("leave_a_file", "Restores")) for name in unpickler.foreign)
    if cls is Restores:
        assert left.state == {"path": str(sentinel)}


def test_state_cannot_reach_into_our_process():
    """Ordinary unpicklers would set attributes on the class, the function or the module."""
    before = dict(vars(OpaqueObject))
    slots = op.arguments(b"N", op.dictionary(args=op.number(1), __init__=op.number(2)))
    rebuild = op.name("torch._utils", "_rebuild_tensor_v2")
    for target in (rebuild, op.name("some.where", "Thing"), op.name("collections", "OrderedDict")):
        run(target + slots + b"b")
    made, _ = run(op.reduce(op.name("some.where", "Thing")) + slots + b"b")
    assert made.args == ()
    assert dict(vars(OpaqueObject)) == before


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_survive(protocol):
    value = {
        "n": [1, -2, 3.5, 10**30, True, None, "ø", b"\x00\xff"],
        "t": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "s": {1, 2},
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        "scalar": np.float64(0.5),
        "shared": [],
    }
    value["again"] = value["shared"]
    unpickler = Unpickler(no_storage)
    read = unpickler.run(io.BytesIO(pickle.dumps(value, protocol)))
    for key in ("array", "fortran"):
        assert np.array_equal(read[key], value[key])
    assert read["scalar"] == 0.5
    assert read["again"] is read["shared"]
    assert {k: read[k] for k in "nts"} == {k: value[k] for k in "nts"}
    assert not unpickler.foreign


def test_foreign_objects_keep_what_they_were_made_of():
    options = argparse.Namespace(rate=22050)
    unpickler = Unpickler(no_storage)
    read = unpickler.run(io.BytesIO(pickle.dumps(options)))
    assert (read.name, read.state) == ("argparse.Namespace", {"rate": 22050})
    assert unpickler.foreign == {"argparse.Namespace"}


class Table(dict):
    """A dictionary and a list of one's own: their entries are kept."""


class Row(list):
    pass


def test_entries_of_foreign_containers_are_kept():
    unpickler = Unpickler(no_storage)
    table, row = unpickler.run(io.BytesIO(pickle.dumps((Table(a=1), Row([1, 2])))))
    assert table.entries == {"a": 1}
    assert row.items == [1, 2]


def test_numpy_objects_stay_unread():
    content = pickle.dumps(np.array([os.system], dtype=object))
    with pytest.raises(UnsafeCheckpoint):
        Unpickler(no_storage).run(io.BytesIO(content))
    read = Unpickler(no_storage).run(io.BytesIO(pickle.dumps(np.array([{}], dtype=object))))
    assert isinstance(read, OpaqueObject)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"N",  # no end: cut below
        b"0",
        b"R",
        b"h\x05",
        b"\x87",
        b"t",
        b"u",
        b"N" + op.text("a") + b"Ns",
        op.number(1) + b")R",
        b"}" + op.name("a", "b") + b"N" + b"}Ns" + b"]Ns",
        b"\xff",
        b"X\xff\xff\xff\x7fabc",
        b"}]Ns",
        b"P1\n",
        b"\x97",
        op.number(3) + op.number(4) + b"\x93",
    ],
)
def test_broken_pickles_are_bad_checkpoints(body):
    content = op.pickle(body)[: -1 if body == b"N" else None]
    with pytest.raises(BadCheckpoint):
        Unpickler(no_storage).run(io.BytesIO(content))


def test_every_truncation_is_a_bad_checkpoint():
    content = pickle.dumps({"a": [1, "b", (2, 3)], "c": np.arange(3)})
    for end in range(len(content) - 1):
        with pytest.raises(BadCheckpoint):
            Unpickler(no_storage).run(io.BytesIO(content[:end]))


def test_deep_tuples_cannot_overflow_the_stack():
    deep = b")" + b"\x85" * 100_000
    with pytest.raises(BadCheckpoint, match="as key"):
        run(b"}" + deep + b"Ns")
    with pytest.raises(BadCheckpoint):
        run(b"\x8f(" + deep[:9] + b"\x90")


def test_random_damage_never_escapes():
    """Any bytes at all give a value or a typed error."""
    content = bytearray(pickle.dumps({"a": [1, "b", (2, 3)], "c": np.arange(3), "d": {1}}, 4))
    random = np.random.default_rng(0)
    outcomes = set()
    for _ in range(1000):
        damaged = content.copy()
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        try:
            Unpickler(no_storage).run(io.BytesIO(damaged))
            outcomes.add("value")
        except BadCheckpoint:
            outcomes.add("refused")
    assert outcomes == {"value", "refused"}


def test_a_file_has_a_budget():
    with pytest.raises(BadCheckpoint, match="more than 1000 values"):
        Unpickler(no_storage, Budget(Limits(objects=1000))).run(io.BytesIO(b"N0" * 501 + b"."))
    with pytest.raises(BadCheckpoint, match="more than 0 s"):
        Unpickler(no_storage, Budget(Limits(seconds=0))).run(io.BytesIO(b"N0" * 9000 + b"."))


@pytest.mark.parametrize("body", [b"\x8a\xff" + b"\x7f" * 255, b"L" + b"9" * 4000 + b"L\n"])
def test_very_large_integers_are_refused(body):
    with pytest.raises(BadCheckpoint, match="1024 bits"):
        run(body)


def test_halves_of_surrogate_pairs_are_refused():
    with pytest.raises(BadCheckpoint, match="surrogates"):
        run(b"X\x03\x00\x00\x00\xed\xa0\x80")


def test_long_names_and_keys_are_refused():
    with pytest.raises(BadCheckpoint, match="1000 characters"):
        run(op.name("a" * 1000, "b"))
    with pytest.raises(BadCheckpoint, match="key of 1001 characters"):
        run(op.dictionary(**{"k" * 1001: b"N"}))
