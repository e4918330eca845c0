"""`recipes/vits.toml` at toy size, both optimisers, killed and resumed."""

from __future__ import annotations

import random
import signal
import tomllib
from pathlib import Path

from tests.models.vits.test_train import TABLES
from tests.models.xtts.corpus import write_corpus, write_recipe
from tests.train.records import records

RECIPE = Path(__file__).parents[2] / "recipes" / "vits.toml"
STEPS = 5


def test_killed_at_a_random_step_and_resumed_gives_the_same_model(attempt, tmp_path: Path):
    tables = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    data = write_corpus(tmp_path / "data")
    tables |= {key: TABLES[key] for key in ("model", "features", "loss")}
    tables["data"] = {"sources": [{"path": str(data)}], "validation": 2}
    tables["data"]["cache"] = str(data / "cache")
    tables["optim"]["steps"] = STEPS
    tables["loop"] |= {
        "checkpoint_every": 2,
        "validate_every": 3,
        "batch_seconds": 3.0,
        "workers": 1,
        "samples": 0,
        "ema_decay": 0.9,
    }
    tables["log"] = {"every": 1, "tensorboard": False}
    file = write_recipe(tmp_path, tables)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert attempt(file, [f'output="{whole}"']) == [0]
    step = random.Random().randrange(1, STEPS)
    resumed = [f'output="{broken}"']
    assert attempt(file, resumed, step, signal.SIGKILL) == [signal.SIGKILL]
    assert attempt(file, resumed) == [0]
    assert records(broken, "train") == records(whole, "train"), f"killed at {step}"
    assert records(broken, "validate") == records(whole, "validate")
    files = [folder / "export" / "model.safetensors" for folder in (whole, broken)]
    assert files[0].read_bytes() == files[1].read_bytes()
