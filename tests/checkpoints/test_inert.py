from __future__ import annotations

import numpy as np
import pytest
import torch

from vivavoce.checkpoints import inert
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint

STORAGE = inert.Storage(torch.arange(6.0))


def rebuild(offset, size, stride):
    name = inert.Foreign("torch._utils._rebuild_tensor_v2")
    return inert.call(name, (STORAGE, offset, size, stride, False, {}))


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
    name = inert.Foreign("torch._utils._rebuild_tensor_v3")
    raw = inert.Storage(torch.tensor([1, 0, 2, 0], dtype=torch.uint8))
    made = inert.call(name, (raw, 0, (2,), (1,), False, {}, inert.Foreign("torch.int16")))
    assert made.tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["sparse_tensor", "qtensor", "nested_tensor"])
def test_odd_tensors_are_refused_by_name(kind):
    with pytest.raises(BadCheckpoint, match="not supported"):
        inert.call(inert.Foreign(f"torch._utils._rebuild_{kind}"), (1, 2))


def test_unknown_calls_give_stand_ins_that_remember():
    made = inert.call(inert.foreign("TTS.config", "Audio"), (1, "a"))
    assert (made.name, made.args) == ("TTS.config.Audio", (1, "a"))
    again = inert.call(made, ())
    assert isinstance(again, inert.StandIn)
    with pytest.raises(BadCheckpoint, match="called like a function"):
        inert.call(len, ([],))


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
        inert.foreign(module, name)


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
    assert inert.foreign(module, name) == inert.Foreign(f"{module}.{name}")


def test_names_cannot_draw_on_the_terminal():
    assert inert.foreign("a\x1b[2J", "b" * 500).name.startswith("a?[2J.b")
    assert len(inert.foreign("a", "b" * 500).name) == 200


def test_numpy_types_are_numbers_only():
    pending = inert.call(inert.Foreign("numpy.dtype"), ("f4", False, True))
    assert inert.finish(pending, (3, ">", None, None, None, -1, -1, 0)) == np.dtype(">f4")
    objects = inert.call(inert.Foreign("numpy.dtype"), ("O8", False, True))
    assert inert.finish(objects, (3, "|", None, None, None, -1, -1, 63)) is objects
