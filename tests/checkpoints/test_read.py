from __future__ import annotations

import argparse

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vivavoce.checkpoints import read as checkpoint
from vivavoce.errors import BadCheckpoint


def save(value, tmp_path):
    torch.save(value, tmp_path / "model.pth")
    return tmp_path / "model.pth"


WEIGHTS = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}


def test_safetensors(tmp_path):
    save_file(WEIGHTS, tmp_path / "x.safetensors", metadata={"format": "pt"})
    read = checkpoint.read(tmp_path / "x.safetensors")
    assert set(read.tensors) == set(WEIGHTS)
    assert torch.equal(read.tensors["a.weight"], WEIGHTS["a.weight"])
    assert read.other == {"format": "pt"}


@pytest.mark.parametrize("keep", [0, 7, 30, -1])
def test_truncated_safetensors(tmp_path, keep):
    path = tmp_path / "x.safetensors"
    save_file(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadCheckpoint, match="download it again"):
        checkpoint.read(path)
    with pytest.raises(BadCheckpoint, match="Check the path"):
        checkpoint.read(tmp_path / "none.safetensors")


def test_a_flat_file(tmp_path):
    read = checkpoint.read(save(WEIGHTS, tmp_path), inside=("model",))
    assert (set(read.tensors), read.source) == (set(WEIGHTS), "")


def test_the_wanted_set_is_taken(tmp_path):
    averaged = {k: v + 1 for k, v in WEIGHTS.items()}
    value = {
        "model": WEIGHTS,
        "ema": {**averaged, "initted": torch.tensor(True), "n": 3},
        "step": 9,
    }
    path = save(value, tmp_path)
    read = checkpoint.read(path, inside=("ema", "model"))
    assert (read.source, read.tensors["a.bias"].sum()) == ("ema", 2)
    assert (read.other["step"], read.other["n"]) == (9, 3)
    assert checkpoint.read(path, inside=("none", "model")).tensors["a.bias"].sum() == 0


def test_several_sets_are_not_guessed_among(tmp_path):
    path = save({"model": WEIGHTS, "ema": dict(WEIGHTS)}, tmp_path)
    with pytest.raises(BadCheckpoint, match=r"'model' \(2\), 'ema' \(2\).*modell.*'model'"):
        checkpoint.read(path, inside=("modell",))
    with pytest.raises(BadCheckpoint, match="Name the one"):
        checkpoint.read(path)


def test_the_only_set_is_taken(tmp_path):
    read = checkpoint.read(save({"outer": {"generator": WEIGHTS}}, tmp_path))
    assert read.source == "outer.generator"


def test_no_tensors_at_all(tmp_path):
    with pytest.raises(BadCheckpoint, match="no named tensors"):
        checkpoint.read(save({"epoch": 3, "loss": torch.tensor(1.0)}, tmp_path))


def test_a_whole_module_says_what_it_is(tmp_path):
    with pytest.raises(BadCheckpoint, match=r"linear\.Linear.*state dict"):
        checkpoint.read(save(nn.Linear(2, 3), tmp_path))


def test_metadata_is_plain(tmp_path):
    value = {
        "model": WEIGHTS,
        "config": argparse.Namespace(audio={"rate": 22050}),
        "path": tmp_path,
        "step": torch.tensor(5),
        "history": np.array([1.0, 2.0]),
        "best": np.float32(0.5),
        "kinds": ({1}, torch.float32, nn.Linear),
    }
    read = checkpoint.read(save(value, tmp_path))
    assert read.other["config"] == {"class": "argparse.Namespace", "audio": {"rate": 22050}}
    assert read.other["history"] == [1.0, 2.0]
    assert (read.other["step"], read.other["best"]) == (5, 0.5)
    assert read.other["kinds"] == [[1], "torch.float32", "torch.nn.modules.linear.Linear"]
    assert read.other["model"] == {}
    assert "argparse.Namespace" in read.foreign


def test_endless_metadata_ends(tmp_path):
    """A loop, and a thousand million values made of ten lists."""
    loop: dict = {}
    loop["loop"] = loop
    many: list = []
    for _ in range(10):
        many = [many] * 10
    read = checkpoint.read(save({"model": WEIGHTS, "loop": loop, "many": many}, tmp_path))
    assert read.other["loop"]["loop"]["loop"]
    assert isinstance(read.other["many"], list)


def test_a_genuine_old_checkpoint(data_folder):
    path = data_folder("hifigan_v2_lj") / "hifigan" / "LJ_V2" / "generator_v2"
    read = checkpoint.read(path, inside=("model", "generator"))
    assert (read.source, len(read.tensors), read.foreign) == ("generator", 234, ())
    assert sum(t.numel() for t in read.tensors.values()) == 928_514


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_number_that_is_none_is_named(wrong, dtype):
    tensors = {"a": torch.ones(3), "b.c": torch.tensor([1.0, wrong, wrong], dtype=dtype)}
    with pytest.raises(BadCheckpoint, match=r"'b\.c' holds 2 values"):
        checkpoint.refuse_not_finite(tensors.items())


def test_large_numbers_and_whole_ones_are_numbers():
    largest = torch.full((8,), torch.finfo(torch.float32).max)
    tensors = {"large": largest, "steps": torch.tensor(7), "none": torch.empty(0)}
    checkpoint.refuse_not_finite(tensors.items())
    checkpoint.refuse_not_finite({"half": torch.full((4096,), 6e4).half()}.items())


def test_scattered_tensors_have_the_names_of_their_places(tmp_path):
    deep = {"Ana d'Or": {"a": torch.ones(1, 2), "b": [[1, 2.5], [3, 4]]}, "n/m": {"c": np.ones(3)}}
    found = checkpoint.scattered(save(deep | {"note": "x", "odd": [[1], "x"]}, tmp_path), "voices")
    assert set(found) == {"voices/Ana d'Or/a", "voices/Ana d'Or/b", "voices/n/m/c"}
    assert torch.equal(found["voices/Ana d'Or/b"], torch.tensor([[1, 2.5], [3, 4]]))
    single = checkpoint.scattered(save(torch.arange(3), tmp_path), "alone")
    assert torch.equal(single["alone"], torch.arange(3))
    save_file(WEIGHTS, tmp_path / "x.safetensors")
    assert set(checkpoint.scattered(tmp_path / "x.safetensors", "w")) == {"w/a.weight", "w/a.bias"}


def test_scattered_tensors_that_never_end_are_refused(tmp_path):
    row = [1.0]
    for _ in range(30):
        row = [row, row]
    assert checkpoint.scattered(save({"a": row}, tmp_path), "x") == {}
    table = {"a": torch.ones(1)}
    for _ in range(30):
        table = {"a": table, "b": table, "c": table, "d": table}
    with pytest.raises(BadCheckpoint, match="more values than"):
        checkpoint.scattered(save(table, tmp_path), "x")
    table["itself"] = table
    with pytest.raises(BadCheckpoint, match="more values than"):
        checkpoint.scattered(save(table, tmp_path), "x")


@pytest.mark.parametrize("value", [[], [[]], [[1], [2, 3]], [True], ["x"], [[1], 2], "text", None])
def test_what_is_no_table_of_numbers_is_left_alone(tmp_path, value):
    found = checkpoint.scattered(save({"a": value}, tmp_path), "x")
    assert all(tensor.numel() == 0 for tensor in found.values())
