"""A fine-tune of F5 with adapters, average, dropout and recomputation, killed and resumed."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
import torch

from tests.models.f5.corpus import recipe_tables, store_base, write_corpus, write_recipe
from tests.train.records import records
from vivavoce.hub import paths
from vivavoce.runtime.attention import attends
from vivavoce.runtime.kernels import CACHE_FILE, KernelChoice, machine_key
from vivavoce.runtime.measurements import MeasurementCache
from vivavoce.train import train

STEPS = 11


def test_killed_at_random_steps_and_resumed_gives_the_same_model(attempt, tmp_path: Path):
    data, base = write_corpus(tmp_path / "data"), store_base(tmp_path / "base")
    tables = recipe_tables(data, tmp_path / "run", base)
    tables["start"] |= {"train": "lora", "adapter": {"rank": 4}}
    tables["memory"] = {"limit_gb": 4.0, "recompute": "always"}
    tables["optim"] |= {"steps": STEPS, "accumulate": 2}
    tables["loop"] |= {"checkpoint_every": 3, "validate_every": 10, "batch_seconds": 3.0}
    file = write_recipe(tmp_path / "recipe.toml", tables)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert attempt(file, [f'output="{whole}"']) == [0]
    kills = sorted(random.Random().sample(range(1, STEPS), 2))
    resumed = [f'output="{broken}"']
    for step in kills:
        assert attempt(file, resumed, step, signal.SIGKILL) == [signal.SIGKILL]
    assert attempt(file, resumed) == [0]
    assert records(broken, "train") == records(whole, "train"), f"killed at {kills}"
    assert records(broken, "validate") == records(whole, "validate")
    files = [folder / "export" / "model.safetensors" for folder in (whole, broken)]
    assert files[0].read_bytes() == files[1].read_bytes()


def measured(bfloat16: float) -> None:
    """This machine's products in float32 and bfloat16, in GFLOP/s, as if they had been timed."""
    speeds, errors = {"default": 100.0, "bfloat16": bfloat16}, {"bfloat16": 0.003}
    choice = KernelChoice("default", "a test", speeds, errors)
    MeasurementCache(paths.folder() / CACHE_FILE).write(machine_key(), choice)


@pytest.mark.skipif(not attends(torch.bfloat16), reason="torch's kernels here lack bfloat16")
def test_auto_is_what_was_measured_when_the_run_began(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    data, base = write_corpus(tmp_path / "data"), store_base(tmp_path / "base")
    tables = recipe_tables(data, tmp_path / "run", base)
    tables["optim"] |= {"steps": 2}
    file = write_recipe(tmp_path / "recipe.toml", tables)

    def losses(name: str, steps: int, *values: str) -> list[float]:
        folder = tmp_path / name
        train(file, [f'output="{folder}"', f"optim.steps={steps}", *values], device="cpu")
        return [record["loss"] for record in records(folder, "train")]

    measured(1000.0)
    found = losses("auto", 2)
    measured(100.0)
    assert losses("auto", 4)[:2] == found
    assert losses("lower", 4, 'loop.precision="bfloat16"') == losses("auto", 4)
    assert losses("full", 4, 'loop.precision="float32"') == losses("anew", 4)
    assert losses("full", 4) != losses("auto", 4)
