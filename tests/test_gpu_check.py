"""The script for first contact with a GPU, in its toy form on the CPU, so that it does not rot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import gpu_check
from benchmarks.gpu_check import Bench, Log, Result

SECTIONS = (
    "ceilings",
    "correct",
    "graphs",
    "waits",
    "f5",
    "xtts",
    "vocoders",
    "training",
    "memory",
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    file = tmp_path_factory.mktemp("check") / "results.jsonl"
    code = gpu_check.main(["--device", "cpu", "--toy", "--json", str(file)])
    assert code == 0
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_section_runs_to_its_end(rows):
    assert tuple(dict.fromkeys(row["section"] for row in rows)) == SECTIONS
    assert [row["section"] for row in rows if row["name"] == "took"] == list(SECTIONS)
    assert [row for row in rows if row["error"]] == []


def test_every_number_has_a_floor_and_what_is_wrong_is_marked(rows):
    for row in rows:
        assert {"section", "name", "value", "unit", "spread", "n", "floor", "expected"} <= set(row)
    speeds = [row for row in rows if row["unit"] in ("s", "codes/s", "x time") and row["floor"]]
    assert len(speeds) > 20
    judged = [row for row in rows if row["ok"] is not None]
    assert len(judged) > 6
    assert all(row["ok"] for row in judged)


def test_a_section_that_fails_costs_only_itself(tmp_path, monkeypatch):
    def broken(bench):
        yield Result("a number", 1.0, "s", 0.5)
        raise RuntimeError("CUDA error: out of memory\nmore")

    monkeypatch.setattr("benchmarks.gpu_right.ceilings", broken)
    log = Log(tmp_path / "out.jsonl")
    bench = Bench(torch.device("cpu"), toy=True)
    gpu_check.run(bench, 700.0, log, ["ceilings", "memory"])
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["section"], r["name"]) for r in found][:3] == [
        ("ceilings", "a number"),
        ("ceilings", "failed"),
        ("ceilings", "took"),
    ]
    assert found[1]["error"] == "RuntimeError: CUDA error: out of memory"
    assert ("memory", "allocated after utterances") in {(r["section"], r["name"]) for r in found}
    assert log.wrong == 1


def test_without_time_a_section_says_so(tmp_path):
    log = Log(None)
    gpu_check.run(Bench(torch.device("cpu"), toy=True), -1.0, log, ["memory"])
    assert log.wrong == 1
