from __future__ import annotations

import json

import pytest
import torch

from vivavoce.errors import OutputError, TrainingError
from vivavoce.train import checkpoint, export, exports, train
from vivavoce.train.loop import within


def test_the_newest_average_is_exported(toy_file, tmp_path):
    run = train(toy_file, device="cpu")
    folder = export(run, tmp_path / "model")
    written = json.loads((folder / "model.json").read_text())
    found, _ = checkpoint.newest(run / "checkpoints")
    assert found is not None
    average = within(found.tensors, "ema/")
    assert torch.tensor(written["table.weight"]).equal(average["table.weight"])
    assert not torch.equal(average["table.weight"], found.tensors["task/exported.table.weight"])
    assert (run / "export" / "model.json").read_text() == (folder / "model.json").read_text()


def test_without_an_average_the_weights_are(toy_file, tmp_path):
    run = train(toy_file, ["loop.ema_decay=0.0"], device="cpu")
    written = json.loads((run / "export" / "model.json").read_text())
    found, _ = checkpoint.newest(run / "checkpoints")
    assert found is not None
    expected = found.tensors["task/exported.table.weight"]
    assert torch.tensor(written["table.weight"]).equal(expected)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(TrainingError, match="no checkpoint"):
        export(tmp_path, tmp_path / "model")


def test_a_failed_export_leaves_the_old_one(tmp_path):
    class Task(torch.nn.Module):
        def export(self, folder):
            (folder / "half").write_text("")
            raise OSError(28, "No space left on device")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("")
    with pytest.raises(OutputError, match="No space"):
        exports.write(Task(), tmp_path / "model")
    assert [p.name for p in tmp_path.rglob("*")] == ["model", "old"]
