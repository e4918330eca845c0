from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.train.disks import small_files
from vivavoce.errors import OutputError, TrainingError
from vivavoce.train import checkpoint

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b/step": torch.tensor(3.0), "c": torch.zeros(0)}


def test_what_is_saved_is_read(tmp_path):
    checkpoint.save(tmp_path, 7, TENSORS, {"epoch": 2, "sum": 0.1})
    found, messages = checkpoint.newest(tmp_path)
    assert messages == []
    assert found is not None
    assert found.step == 7
    assert found.state["sum"] == 0.1
    assert {k: v.tolist() for k, v in found.tensors.items()} == {
        k: v.tolist() for k, v in TENSORS.items()
    }


def test_tensors_that_share_memory_are_saved(tmp_path):
    weight = torch.randn(3, 3)
    checkpoint.save(tmp_path, 1, {"one": weight, "two": weight, "row": weight[0]}, {})
    found = checkpoint.read(tmp_path, 1)
    assert torch.equal(found.tensors["one"], found.tensors["two"])
    assert torch.equal(found.tensors["row"], weight[0])


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("left", [0, 10, -1])
def test_a_truncated_one_falls_back_to_the_one_before(tmp_path, name, left):
    for step in (5, 10):
        checkpoint.save(tmp_path, step, TENSORS, {})
    file = tmp_path / "step-00000010" / name
    file.write_bytes(file.read_bytes()[:left])
    found, messages = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.step == 5
    assert len(messages) == 1
    assert "step 10" in messages[0]


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
def test_any_flipped_bit_falls_back_to_the_one_before(tmp_path, name):
    for step in (5, 10):
        checkpoint.save(tmp_path, step, TENSORS, {"sum": 0.125, "speakers": ["a"], 3: {4: None}})
    file = tmp_path / "step-00000010" / name
    content = file.read_bytes()
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        found, messages = checkpoint.newest(tmp_path)
        assert found is not None
        # A flipped bit in the layout of the text changes nothing.
        same = found.step == 10 and found.state["sum"] == 0.125
        assert same != bool(messages), place
        assert found.step == (10 if same else 5)
    file.write_bytes(content)
    assert checkpoint.read(tmp_path, 10).state["3"] == {"4": None}


def test_states_of_earlier_versions_have_no_checksum(tmp_path):
    checkpoint.save(tmp_path, 1, TENSORS, {})
    file = tmp_path / "step-00000001" / "state.json"
    state = json.loads(file.read_text())
    del state["tensors_sha256"], state["state_sha256"]
    file.write_text(json.dumps(state))
    assert checkpoint.read(tmp_path, 1).tensors.keys() == TENSORS.keys()


@pytest.mark.parametrize(
    "name",
    ["step-", "step-x", "step-²²²²²²²²", "step-7", "step-00000009x", "step-99999999999999999"],
)
def test_stray_folders_are_not_checkpoints(tmp_path, name):
    checkpoint.save(tmp_path, 3, TENSORS, {})
    (tmp_path / name).mkdir()
    (tmp_path / "step-00000008").write_text("a file")
    found, messages = checkpoint.newest(tmp_path)
    assert (found.step, messages) == (3, [])


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.newest(tmp_path / "absent") == (None, [])


def test_another_version_is_refused_not_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "VERSION", 999)
    checkpoint.save(tmp_path, 1, TENSORS, {})
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="999"):
        checkpoint.newest(tmp_path)


def test_pruning_keeps_the_newest_and_the_best(tmp_path):
    for step in range(1, 7):
        checkpoint.save(tmp_path, step, {}, {})
    checkpoint.prune(tmp_path, keep=2, best=3)
    assert checkpoint.steps(tmp_path) == [3, 5, 6]
    assert len(list(tmp_path.iterdir())) == 3


def test_pruning_does_not_count_damaged_ones_from_the_future(tmp_path):
    """Step 10 was damaged, the run went on from 5: what it saves since then must stay."""
    for step in (10, 5, 6, 7):
        checkpoint.save(tmp_path, step, {}, {})
    checkpoint.prune(tmp_path, keep=1, newest=7)
    assert checkpoint.steps(tmp_path) == [7, 10]


def test_a_full_disk_leaves_the_earlier_ones_and_nothing_else(tmp_path):
    checkpoint.save(tmp_path, 1, TENSORS, {})
    with pytest.raises(OutputError, match="step-00000002"), small_files():
        checkpoint.save(tmp_path, 2, {"large": torch.zeros(10_000)}, {})
    with pytest.raises(OutputError), small_files():
        checkpoint.save(tmp_path, 1, TENSORS, {"large": "x" * 2000})
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoint.read(tmp_path, 1).state["step"] == 1


def test_a_place_that_is_no_folder(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        checkpoint.save(tmp_path / "file", 1, TENSORS, {})
