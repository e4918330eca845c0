from __future__ import annotations

import json
from pathlib import Path

from vivavoce.train import train


def losses(folder: Path) -> dict[int, dict[str, float]]:
    """Step -> what is exact in its record."""
    out = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "train":
            record.pop("seconds_per_step")
            out[record["step"]] = record
    return out


def test_one_phase_runs_to_an_exported_model(toy_file):
    folder = train(toy_file, device="cpu")
    assert (folder / "export" / "model.json").is_file()
    found = losses(folder)
    assert sorted(found) == list(range(1, 13))
    assert found[12]["loss"] < found[1]["loss"]


def test_two_phases(toy_file):
    folder = train(toy_file, ["model.kind=two"], device="cpu")
    found = losses(folder)
    assert {"critic.loss", "generator.loss", "generator.far"} <= set(found[12])
