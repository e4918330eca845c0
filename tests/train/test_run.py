from __future__ import annotations

import logging

import pytest

from tests.train.records import records
from vivavoce.errors import ConfigError, OutputError, TrainingError
from vivavoce.train import checkpoint, recipe, train
from vivavoce.train.run import claimed


def test_one_phase_runs_to_an_exported_model(toy_file):
    folder = train(toy_file, device="cpu")
    assert (folder / "export" / "model.json").is_file()
    found = records(folder, "train")
    assert [r["step"] for r in found] == list(range(1, 13))
    assert found[-1]["loss"] < found[0]["loss"]
    assert {"error", "grad_norm", "lr", "epoch", "skipped"} <= set(found[0])


def test_two_phases(toy_file):
    overrides = ["model.kind=two", "optim.steps=60", "optim.lr=1e-3", "log.every=20"]
    found = records(train(toy_file, overrides, device="cpu"), "train")
    assert {"critic.loss", "generator.loss", "generator.far", "critic.lr"} <= set(found[-1])
    assert found[-1]["critic.loss"] < 0.5 * found[0]["critic.loss"]


def test_the_run_folder_is_a_record_of_the_run(toy_file):
    folder = train(toy_file, device="cpu")
    assert recipe.load(folder / "recipe.toml") == recipe.load(toy_file)
    assert [r["step"] for r in records(folder, "validate")] == [6, 12]
    sounds = sorted(str(p.relative_to(folder)) for p in (folder / "samples").rglob("*.*"))
    assert sounds[:2] == [
        "samples/step-00000006/tone00-mel.png",
        "samples/step-00000006/tone00-tone.wav",
    ]
    assert len(sounds) == 8


def test_a_finished_run_goes_on_when_the_recipe_asks_for_more(toy_file):
    folder = train(toy_file, device="cpu")
    train(toy_file, ["optim.steps=15"], device="cpu")
    assert [r["step"] for r in records(folder, "train")] == list(range(1, 16))


def test_the_best_is_kept_besides_the_newest(toy_file):
    overrides = ["loop.keep=1", "loop.validate_every=1", "loop.checkpoint_every=1", "optim.lr=1.0"]
    folder = train(toy_file, overrides, device="cpu")
    scores = {r["step"]: r["loss"] for r in records(folder, "validate")}
    best = min(scores, key=lambda step: scores[step])
    assert checkpoint.steps(folder / "checkpoints") == sorted({best, 12})


def test_a_damaged_checkpoint_is_passed_over_with_a_word(toy_file, caplog):
    folder = train(toy_file, ["loop.checkpoint_every=5"], device="cpu")
    (folder / "checkpoints" / "step-00000012" / "state.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        train(toy_file, ["loop.checkpoint_every=5"], device="cpu")
    assert "step 12 is damaged" in caplog.text
    assert [r["step"] for r in records(folder, "train")] == list(range(1, 13))


def test_an_earlier_run_is_never_overwritten(toy_file):
    train(toy_file, device="cpu")
    with pytest.raises(TrainingError, match="already holds a run"):
        train(toy_file, resume=False, device="cpu")


def test_other_speakers_do_not_fit_a_checkpoint(toy_file, toy_data):
    train(toy_file, device="cpu")
    changed = f'data.sources=[{{ path = "{toy_data}", speaker = "Ann" }}]'
    with pytest.raises(TrainingError, match="speakers"):
        train(toy_file, [changed], device="cpu")


def test_a_metric_that_validation_does_not_give(toy_file, tmp_path):
    with pytest.raises(ConfigError, match="'los'"):
        train(toy_file, ["loop.best_metric=los"], device="cpu")
    assert checkpoint.steps(tmp_path / "run" / "checkpoints") == [6]


def test_progress_is_told_from_reading_to_the_last_step(toy_file):
    told = []
    train(toy_file, device="cpu", on_progress=lambda *event: told.append(event))
    assert [e[:2] for e in told if e[2] == "prepare"] == [(n, 12) for n in range(1, 13)]
    assert [e[:2] for e in told if e[2].startswith("train ")] == [(n, 12) for n in range(1, 13)]
    assert all("loss=" in e[2] for e in told if e[2] != "prepare")


def test_a_place_that_cannot_be_written(toy_file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        train(toy_file, [f'output="{tmp_path / "file"}"'], device="cpu")


def test_one_run_at_a_time_in_a_folder(toy_file):
    folder = recipe.load(toy_file).output
    with claimed(folder), pytest.raises(TrainingError, match="Another process is training"):
        train(toy_file, device="cpu")
    assert checkpoint.steps(folder / "checkpoints") == []
    with claimed(folder):
        pass
