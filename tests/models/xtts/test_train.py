"""Fine-tuning a toy XTTS from the command line, to a model that speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.models.xtts.corpus import recipe_tables, write_recipe
from tests.train.records import records
from vivavoce.checkpoints import store
from vivavoce.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xtts")
    tables = recipe_tables(folder)
    tables["loss"]["voice"] = [str(folder / "data" / "wavs" / "clip5.wav")]
    assert main(["train", str(write_recipe(folder, tables)), "--device", "cpu"]) == 0
    return folder / "run"


def test_a_run_logs_both_losses_and_learns(run: Path) -> None:
    train = records(run, "train")
    assert [row["step"] for row in train] == [1, 2, 3, 4]
    assert {"loss", "text", "codes", "grad_norm"} <= set(train[0])
    assert train[-1]["codes"] < train[0]["codes"]
    assert {"loss", "text", "codes"} <= set(records(run, "validate")[0])


def test_the_run_speaks_in_the_recipe_s_voice(run: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "me.wav"
    assert main(["speak", "It is me.", "-m", str(run), "-o", str(out), "--device", "cpu"]) == 0
    samples, rate = soundfile.read(out)
    assert rate == 24_000
    assert np.isfinite(samples).all()
    assert len(samples) > 0.1 * rate
    manifest, _ = store.load(run / "export")
    assert manifest["speakers"][0] == "me"
    assert len(manifest["speakers"]) == 4


def test_frozen_parts_are_the_start_s(run: Path) -> None:
    from vivavoce.hub import library

    before = library.open_model(str(run.parent / "XTTS-v2")).tensors
    _, after = store.load(run / "export")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if name.startswith(("vocoder.", "speaker_encoder.", "mel_stats")):
            assert torch.equal(after[name], tensor), name
    trained = [n for n in before if n.startswith(("gpt.", "conditioning."))]
    moved = [n for n in trained if not torch.equal(before[n], after[n])]
    assert len(moved) > 0.9 * len(trained)


def test_codes_are_made_once(run: Path) -> None:
    files = sorted((run.parent / "data" / "cache").rglob("*.codes.npy"))
    assert len(files) == 6
    codes = np.load(files[0])
    assert codes.dtype == np.int64
    assert 24 <= len(codes) <= 35
