"""A fine-tune of XTTS with dropout, crops, accumulation and an average, killed and resumed."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from tests.models.xtts.corpus import recipe_tables, write_recipe
from tests.train.records import records

STEPS = 8


def test_killed_at_random_steps_and_resumed_gives_the_same_model(attempt, tmp_path: Path):
    tables = recipe_tables(tmp_path)
    tables["optim"] |= {"steps": STEPS, "accumulate": 2}
    tables["loop"] |= {
        "checkpoint_every": 3, "validate_every": 6, "batch_seconds": 3.0, "ema_decay": 0.9
    }  # fmt: skip
    file = write_recipe(tmp_path, tables)
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
