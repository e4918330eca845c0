from __future__ import annotations

import json

import pytest

from vivavoce.train import dry_run


@pytest.mark.parametrize("kind", ["one", "two"])
def test_a_dry_run_counts_and_writes_no_run(kind, toy_file, tmp_path):
    found = dry_run(toy_file, [f"model.kind={kind}", "optim.steps=1000"], device="cpu")
    assert found["utterances"] == 9
    assert found["validation_utterances"] == 3
    assert found["epochs"] == pytest.approx(1000 / found["steps_per_epoch"], rel=0.05)
    assert found["memory_peak_mb"] > 10
    assert found["hours_in_all"] == pytest.approx(
        found["seconds_per_step"] * 1000 / 3600, abs=1e-3, rel=0.01
    )
    counts = {k: v for k, v in found.items() if k.startswith("parameters.")}
    if kind == "one":
        assert counts == {"parameters.model": 28 * 16 + 16 * 16 + 16 + 16 * 8 + 8}
        assert found["longest_batch_s"] <= 2.0
    else:
        assert set(counts) == {"parameters.critic", "parameters.generator"}
    assert not (tmp_path / "run").exists()


def prepared(toy_data, folder):
    """The toy set as `vivavoce data prepare` would leave it; every sixth clip is held out."""
    folder.mkdir()
    (folder / "prepared.json").write_text("{}")
    rows = []
    for number, line in enumerate((toy_data / "metadata.csv").read_text().splitlines()):
        name, text = line.split("|")
        row = {"id": name, "audio": str(toy_data / "wavs" / f"{name}.wav"), "text": text}
        row |= {"speaker": "me", "split": "train" if number % 6 else "validation"}
        rows.append(json.dumps(row) + "\n")
    (folder / "manifest.jsonl").write_text("".join(rows))
    return folder


def test_data_that_nobody_checked_get_a_hint(toy_file, toy_data, tmp_path):
    found = dry_run(toy_file, device="cpu")
    assert f"vivavoce data prepare {toy_data} -o" in found["hint"]
    folder = prepared(toy_data, tmp_path / "me")
    found = dry_run(toy_file, [f"data={folder}"], device="cpu")
    assert "hint" not in found
    assert (found["utterances"], found["validation_utterances"]) == (10, 2)
    found = dry_run(toy_file, [f"data={folder}", "data.validation=0"], device="cpu")
    assert (found["utterances"], found["validation_utterances"]) == (12, 0)
