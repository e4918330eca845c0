from __future__ import annotations

import numpy as np
import pytest
import torch

from vivavoce.checkpoints import pickle_names, pickle_values
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.limits import DEFAULT, Budget, Limits

STORAGE = pickle_values.Storage(torch.arange(6.0))


def call(function, args, limits=DEFAULT):
    return pickle_values.call(function, args, Budget(limits))


def rebuild(offset, size, stride):
    name = pickle_names.GlobalName("torch._utils._rebuild_tensor_v2")
    return call(name, (STORAGE, offset, size, stride, False, {}))


def test_tensors_are_views_of_their_storage():
    made = rebuild(1, (2, 2), (1, 2))
    assert made.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert made.untyped_storage().data_ptr() == STORAGE.flat.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 4), (3, 1)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (5, (2,), (-1,)),
        (7, (0,), (1,)),
        (0, (2,), (1, 1)),
        (0, (2.0,), (1,)),
        (2**62, (1,), (1,)),
        (0, (2**62, 2**62), (0, 0)),
        (0, (1 << 21,), (0,)),
    ],
)
def test_no_tensor_leaves_its_storage(offset, size, stride):
    with pytest.raises(BadCheckpoint):
        rebuild(offset, size, stride)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (6,), (1,)), (5, (), ()), (6, (0,), (1,)), (0, (0, 9), (1, 1)), (2, (1, 50), (0, 0))],
)
def test_what_fits_is_built(offset, size, stride):
    expected = torch.as_strided(STORAGE.flat, size, stride, offset)
    assert torch.equal(rebuild(offset, size, stride), expected)


def test_version_three_tensors_take_their_own_type():
    name = pickle_names.GlobalName("torch._utils._rebuild_tensor_v3")
    raw = pickle_values.Storage(torch.tensor([1, 0, 2, 0], dtype=torch.uint8))
    made = call(name, (raw, 0, (2,), (1,), False, {}, pickle_names.GlobalName("torch.int16")))
    assert made.tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["sparse_tensor", "qtensor", "nested_tensor"])
def test_odd_tensors_are_refused_by_name(kind):
    with pytest.raises(BadCheckpoint, match="not supported"):
        call(pickle_names.GlobalName(f"torch._utils._rebuild_{kind}"), (1, 2))


def test_unknown_calls_give_opaque_objects_that_keep_their_arguments():
    made = call(pickle_names.global_name("TTS.config", "Audio"), (1, "a"))
    assert (made.name, made.args) == ("TTS.config.Audio", (1, "a"))
    again = call(made, ())
    assert isinstance(again, pickle_values.OpaqueObject)
    with pytest.raises(BadCheckpoint, match="as a function"):
        call(len, ([],))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("os.path", "join"),
        ("sys", "modules"),
        ("builtins", "open"),
        ("builtins", "print"),
        ("torch", "load"),
        ("torch.hub", "load_state_dict_from_url"),
        ("torch.utils.cpp_extension", "load"),
        ("numpy", "load"),
        ("torch", "os.system"),
        ("a", "b.__globals__"),
        ("types", "FunctionType"),
        ("runpy", "run_path"),
    ],
)
def test_dangerous_names_are_refused(module, name):
    with pytest.raises(UnsafeCheckpoint):
        pickle_names.global_name(module, name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("TTS.tts.configs.xtts_config", "XttsConfig"),
        ("torch.optim.adam", "Adam"),
        ("pathlib", "PosixPath"),
        ("argparse", "Namespace"),
        ("builtins", "ValueError"),
        ("trainer.io", "Options"),
        ("omegaconf.dictconfig", "DictConfig"),
        ("torch.distributed.fsdp", "ShardingStrategy"),
    ],
)
def test_ordinary_names_only_become_names(module, name):
    assert pickle_names.global_name(module, name) == pickle_names.GlobalName(f"{module}.{name}")


def test_names_cannot_draw_on_the_terminal():
    assert pickle_names.global_name("a\x1b[2J", "b" * 500).name.startswith("a?[2J.b")
    assert len(pickle_names.global_name("a", "b" * 500).name) == 200


def test_numpy_types_are_numbers_only():
    pending = call(pickle_names.GlobalName("numpy.dtype"), ("f4", False, True))
    assert pickle_values.finish(
        pending, (3, ">", None, None, None, -1, -1, 0), Budget()
    ) == np.dtype(">f4")
    objects = call(pickle_names.GlobalName("numpy.dtype"), ("O8", False, True))
    assert (
        pickle_values.finish(objects, (3, "|", None, None, None, -1, -1, 63), Budget()) is objects
    )


LAUGHS = pickle_values.OpaqueObject("a.B")
for _ in range(100):
    LAUGHS = pickle_values.OpaqueObject("a.B", (LAUGHS, LAUGHS))


@pytest.mark.parametrize(
    "size", ["ab", torch.arange(3), LAUGHS, {0: 1}, (LAUGHS,), (2**100,), None]
)
def test_only_short_lists_of_numbers_are_shapes(size):
    with pytest.raises(BadCheckpoint) as error:
        rebuild(0, size, (1,))
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("args", [torch.zeros(1 << 20), [1], "ab", None])
def test_arguments_are_a_tuple(args):
    with pytest.raises(BadCheckpoint, match="arguments"):
        call(pickle_names.GlobalName("a.B"), args)


def test_an_opaque_object_prints_as_its_name():
    assert repr(LAUGHS) == str(LAUGHS) == "<a.B>"


@pytest.mark.parametrize("name", ["collections.OrderedDict", "collections.Counter", "builtins.set"])
def test_tables_and_sets_are_made_of_containers(name):
    for pairs in (torch.zeros(4, 2), "abcd", LAUGHS, 5):
        with pytest.raises(BadCheckpoint):
            call(pickle_names.GlobalName(name), (pairs,))


def test_copies_are_charged():
    copy = pickle_names.GlobalName("builtins.set")
    assert call(copy, (list(range(100)),), Limits(objects=500)) == set(range(100))
    with pytest.raises(BadCheckpoint, match="more than 500 values"):
        call(copy, (list(range(200)),), Limits(objects=500))
    encode = pickle_names.GlobalName("_codecs.encode")
    with pytest.raises(BadCheckpoint, match="more than 100 bytes"):
        call(encode, ("x" * 101, "latin1"), Limits(bytes=100))


def test_views_of_the_same_numbers_are_charged():
    budget = Budget(Limits(bytes=100))
    name = pickle_names.GlobalName("torch._utils._rebuild_tensor")
    budget.allow_views(24)
    for _ in range(8):
        pickle_values.call(name, (STORAGE, 0, (6,), (1,)), budget)
    with pytest.raises(BadCheckpoint, match="repeat"):
        pickle_values.call(name, (STORAGE, 0, (6,), (1,)), budget)
