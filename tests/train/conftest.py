"""A toy data set and recipe for every test here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.train import fake
from vivavoce import config
from vivavoce.models import MODELS
from vivavoce.train.recipe import Recipe


class Attempt:
    """Trains in other processes and says how each ended, as `os.waitpid` does."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(
        self,
        recipe: Path,
        overrides: list[str],
        step: int = -1,
        number: int = 0,
        environments: Sequence[dict[str, str]] = ({},),
    ) -> list[int]:
        """One process for each environment; each is sent signal `number` at `step`."""
        question = json.dumps([str(recipe), overrides, step, number, list(environments)])
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="session")
def attempt() -> Iterator[Attempt]:
    folders = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    path = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.train.fake"],
        env={**os.environ, **path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Attempt(process)


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake.write_data(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture
def toy_tables(toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setitem(MODELS.folders, "fake", "tests.train.fake_family")
    return {
        "name": "toy",
        "family": "fake",
        "output": str(tmp_path / "run"),
        "seed": 3,
        "data": {
            "sources": [{"path": str(toy_data)}],
            "validation": 3,
            "cache": str(toy_data / "cache"),
        },
        "optim": {"lr": 1e-2, "steps": 12, "clip": 5.0, "warmup_steps": 3, "schedule": "cosine"},
        "loop": {"batch_seconds": 2.0, "validate_every": 6, "ema_decay": 0.9, "workers": 1},
        "log": {"every": 1, "tensorboard": False},
    }


@pytest.fixture
def toy_recipe(toy_tables: dict[str, Any]) -> Callable[..., Recipe]:
    """The recipe, with `key.path=value` overrides."""

    def build(*overrides: str) -> Recipe:
        return config.from_dict(Recipe, config.apply_overrides(toy_tables, overrides))

    return build


@pytest.fixture
def toy_file(toy_tables: dict[str, Any], tmp_path: Path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(config.dumps(toy_tables))
    return file
