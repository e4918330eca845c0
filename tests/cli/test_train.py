from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from vivavoce.cli import train
from vivavoce.cli.terminal import Progress


@pytest.fixture
def calls(monkeypatch):
    """What the training package was asked for."""
    made = []

    def run(recipe, overrides, device, resume, on_progress):
        made.append((str(recipe), list(overrides), device, resume))
        on_progress(1, 2, "train loss=0.25")
        on_progress(2, 2, "train loss=0.125")
        return Path("runs/a")

    monkeypatch.setattr("vivavoce.train.train", run)
    monkeypatch.setattr(
        "vivavoce.train.dry_run",
        lambda recipe, overrides, device: {"steps": 7, "asked": [str(recipe), *overrides, device]},
    )
    monkeypatch.setattr("vivavoce.train.export", lambda run, folder: folder)
    return made


def test_a_recipe_is_run_with_its_changes(cli, calls):
    result = cli("train", "r.toml", "--set", "optim.lr=1e-4", "--set", "seed=2", "--device", "cpu")
    assert result.code == 0, result.err
    assert calls == [("r.toml", ["optim.lr=1e-4", "seed=2"], "cpu", True)]
    assert result.out == "runs/a\n"
    assert result.err.splitlines() == ["train loss=0.25 1/2", "train loss=0.125 2/2"]


def test_a_run_can_start_afresh(cli, calls):
    assert cli("train", "r.toml", "--no-resume").code == 0
    assert calls == [("r.toml", [], "auto", False)]


def test_a_dry_run_only_estimates(cli, calls):
    result = cli("train", "r.toml", "--dry-run", "--json")
    assert json.loads(result.out) == {"steps": 7, "asked": ["r.toml", "auto"]}
    assert "steps" in cli("train", "r.toml", "--dry-run").out
    assert calls == []


def test_a_missing_recipe_is_told(cli, here):
    result = cli("train", "absent.toml")
    assert result.code == 2
    assert "absent.toml" in result.err


def test_a_run_is_exported(cli, calls):
    assert cli("export", "runs/a", "models/b").out == "models/b\n"


def test_lines_are_rare_without_a_terminal(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(train.time, "monotonic", lambda: now[0])
    with Progress("training", "steps") as bar:
        tell = train.ProgressPrinter(bar)
        for step in range(1, 7):
            tell(step, 1000, "train")
            now[0] += 10
        tell(1, 2, "validate")
    assert capsys.readouterr().err.splitlines() == [
        "train 1/1000",
        "train 4/1000",
        "validate 1/2",
    ]


def test_a_terminal_gets_a_bar(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "stderr", Terminal())
    train.ProgressPrinter(lambda *now: seen.append(now))(3, 9, "train loss=0.5")
    assert seen == [(3, 9, "train loss=0.5")]
