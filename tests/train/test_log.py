from __future__ import annotations

import json

import pytest
import torch

from tests.train.disks import small_files
from vivavoce.audio import io
from vivavoce.errors import MissingExtra, OutputError
from vivavoce.train.log import MetricMeter, RunLog


def test_means_are_weighted_and_taken_once():
    meter = MetricMeter()
    meter.add({"a": torch.tensor(1.0)}, 3)
    meter.add({"a": torch.tensor(5.0), "b": torch.tensor(2)}, 1)
    assert meter.take() == {"a": 2.0, "b": 2.0}
    assert meter.take() == {}


def test_a_meters_state_survives_json_exactly():
    values = torch.rand(9)
    whole, first, second = MetricMeter(), MetricMeter(), MetricMeter()
    for value in values:
        whole.add({"a": value})
    for value in values[:4]:
        first.add({"a": value})
    second.load(json.loads(json.dumps(first.state())), torch.device("cpu"))
    for value in values[4:]:
        second.add({"a": value})
    assert second.take() == whole.take()


def test_records_after_the_checkpoint_are_forgotten(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    for step in (1, 2, 3):
        log.record("train", step, {"loss": 1 / step, "bad": float("nan")})
    log.close()
    file = tmp_path / "metrics.jsonl"
    file.write_text(file.read_text() + '{"kind": "train", "st')
    log = RunLog(tmp_path, 2, tensorboard=False)
    log.record("train", 3, {"loss": 7.0})
    log.close()
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(r["step"], r["loss"]) for r in found] == [(1, 1.0), (2, 0.5), (3, 7.0)]
    assert found[0]["bad"] is None


def test_samples_are_sounds_and_pictures(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    sound = torch.tensor([0.5, 2.0, float("nan"), -0.25])
    log.samples(40, "first", {"tone.audio": sound, "mel.image": torch.rand(4, 6)}, 8000)
    log.close()
    folder = tmp_path / "samples" / "step-00000040"
    assert sorted(p.name for p in folder.iterdir()) == ["first-mel.png", "first-tone.wav"]
    audio = io.read(folder / "first-tone.wav")
    assert audio.sample_rate == 8000
    assert audio.samples.tolist() == pytest.approx([0.5, 1.0, 0.0, -0.25], abs=1e-4)


def test_tensorboard_gets_numbers_sounds_and_pictures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, 0, tensorboard=True)
    log.record("train", 5, {"loss": 0.5, "word": "x"})
    log.samples(5, "first", {"tone.audio": torch.zeros(80), "mel.image": torch.rand(4, 6)}, 8000)
    log.close()
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(5, 0.5)]
    assert events.Tags()["audio"]
    assert events.Tags()["images"]


def test_tensorboard_asked_for_but_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    RunLog(tmp_path, 0, tensorboard=None).close()
    with pytest.raises(MissingExtra, match="train"):
        RunLog(tmp_path, 0, tensorboard=True)


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        RunLog(tmp_path / "file", 0, tensorboard=False)


def test_a_full_disk_is_named_and_the_log_can_be_closed(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    log.record("train", 1, {"loss": 1.0})
    many = {f"name{i}": 1.0 for i in range(100)}
    with pytest.raises(OutputError, match=r"Cannot write .*metrics\.jsonl"), small_files():
        log.record("train", 2, many)
    log.close()
