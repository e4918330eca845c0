"""Fine-tuning a toy XTTS from the command line, to a model that speaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.models.xtts.corpus import recipe_tables, write_recipe
from tests.models.xtts.speaking import write_speaking
from tests.train.records import records
from vivavoce.checkpoints import store
from vivavoce.cli import main
from vivavoce.models.xtts.train import XttsTask, build_task


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xtts")
    tables = recipe_tables(folder)
    tables["start"]["model"] = str(folder / "XTTS-v2")  # a release, as it is
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


def test_a_run_is_exported_as_a_release(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "release"
    assert main(["models", "export", str(run), "-o", str(out), "--as", "xtts"]) == 0
    speakers = torch.load(out / "speakers_xtts.pth", weights_only=True)
    assert next(iter(speakers)) == "me"
    assert main(["speak", "It is me.", "-m", str(out), "-o", str(tmp_path / "me.wav")]) == 0


def test_a_dry_run_prints_the_plan(run: Path, capsys) -> None:
    file = str(run.parent / "recipe.toml")
    assert main(["train", file, "--device", "cpu", "--dry-run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["plan.train"] == "all"
    assert facts["plan.peak_gb"] > 0


def test_a_batch_is_its_rows_and_one_without_targets_changes_nothing(tmp_path: Path) -> None:
    task, batch = toy_task(tmp_path), toy_batch()
    drawn = task.draw(batch)
    whole = task.sums(drawn)
    rows = [{k: v[i : i + 1] for k, v in drawn.items()} for i in range(3)]
    rows = [cut(row) for row in rows]
    for name, value in whole.items():
        alone = sum(task.sums(row)[name] for row in rows)
        assert value.item() == pytest.approx(alone.item(), rel=1e-5)
    counts = task.counts(drawn)
    assert counts["text"].item() == sum(drawn["token_lengths"]) + 3
    assert counts["codes"].item() == sum(drawn["code_lengths"]) + 3 * 4


def test_recomputed_blocks_give_the_same_gradients(tmp_path: Path) -> None:
    task = toy_task(tmp_path, dropout=0.1).train()
    drawn, gradients = task.draw(toy_batch()), []
    for wanted in (False, True):
        assert task.recompute(wanted) == wanted
        task.zero_grad()
        torch.manual_seed(1)
        task.share(drawn, task.counts(drawn))[0].backward()
        gradients.append([p.grad.clone() for p in task.parameters() if p.grad is not None])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_what_the_prompt_holds_can_be_left_unscored(tmp_path: Path) -> None:
    task = toy_task(tmp_path, hide_prompt=True).train()
    drawn = task.draw(toy_batch())
    hidden = (drawn["hidden"][:, 1] - drawn["hidden"][:, 0]).sum()
    assert hidden > 0
    assert task.counts(drawn)["codes"] == sum(drawn["code_lengths"]) + 3 * 4 - hidden
    assert task.eval().counts(drawn)["codes"] == sum(drawn["code_lengths"]) + 3 * 4


def toy_task(folder: Path, **loss: object) -> XttsTask:
    from vivavoce.hub import library

    stored = library.open_model(str(write_speaking(folder / "XTTS-v2")))
    tables = {
        "model": stored.manifest["config"],
        "text": stored.manifest["text"],
        "features": stored.manifest["features"],
        "loss": {"prompt_s": [0.5, 0.8], "dropout": 0.0, **loss},
    }
    task = build_task(tables, ())
    assert isinstance(task, XttsTask)
    task.take(stored.tensors, stored.manifest)
    return task.eval()


def toy_batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    lengths, n_codes = [22_050, 30_000, 26_000], [22, 30, 26]
    return {
        "speakers": torch.zeros(3, dtype=torch.long),
        "tokens": torch.randint(2, 60, (3, 9), generator=generator),
        "token_lengths": torch.tensor([9, 5, 7]),
        "samples": 0.1 * torch.randn(3, 30_000, generator=generator),
        "sample_lengths": torch.tensor(lengths),
        "codes": torch.randint(0, 18, (3, 30), generator=generator),
        "code_lengths": torch.tensor(n_codes),
    }


def cut(row: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The row alone, without the padding that its batch had."""
    n_text, n_codes = int(row["token_lengths"]), int(row["code_lengths"])
    return {**row, "tokens": row["tokens"][:, :n_text], "codes": row["codes"][:, :n_codes]}
