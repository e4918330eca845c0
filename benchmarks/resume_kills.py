"""Trainings killed at random moments and resumed, beside one that was left alone: bit for bit.

    python benchmarks/resume_kills.py [--families f5 xtts ...] [--kills 30] [--seed 0] [--json FILE]

Every family's tiniest recipe (benchmarks/toy_recipes.py) runs once to its end. Then it runs in
another folder and gets SIGKILL after a random time, whatever it does then: reading data, a step, a
validation, half a checkpoint. It is started again and killed again until it has come to its end,
and its log, its last checkpoint and its export must be those of the first run. This is repeated
until so many kills have struck. CPU, one thread; exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks import toy_recipes
from tests.train.records import records
from vivavoce.train import checkpoint, train

KILLED = signal.SIGKILL
LONGEST = 600
"""Attempts at one family, so that a machine on which nothing ever ends is left."""


def attempt(recipe: Path, run: Path, moment_s: float | None = None) -> bool:
    """Train in a fork; True if it was killed. Raises RuntimeError where it failed by itself."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            train(recipe, [f'output="{run}"'], device="cpu")
            status = 0
        finally:
            os._exit(status)
    if moment_s is not None:
        time.sleep(moment_s)
        os.kill(child, KILLED)  # a child that has ended is kept until it is waited for
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -KILLED):
        raise RuntimeError(f"{recipe} ended with {status}")
    return status != 0


def result(run: Path) -> dict[str, Any]:
    """What must be equal: both logs, the last checkpoint, every file of the export."""
    last = checkpoint.steps(run / "checkpoints")[-1]
    tensors = run / "checkpoints" / f"step-{last:08d}" / checkpoint.TENSORS
    exported = sorted(path for path in (run / "export").rglob("*") if path.is_file())
    return {
        "train": records(run, "train"),
        "validate": records(run, "validate"),
        "checkpoint": (last, tensors.read_bytes()),
        "export": {path.name: path.read_bytes() for path in exported},
    }


def measure(family: str, kills: int, rng: random.Random, folder: Path) -> dict[str, Any]:
    """Kill one family's recipe so many times."""
    recipe = toy_recipes.write(family, folder)
    attempt(recipe, folder / "warm")  # fills the cache
    begin = time.monotonic()
    attempt(recipe, folder / "whole")
    whole_s = time.monotonic() - begin
    wanted = result(folder / "whole")
    found: dict[str, Any] = {"family": family, "kills": 0, "chains": 0, "different": 0}
    found["halves_left"] = 0
    run = folder / "broken"
    for _ in range(LONGEST):
        enough = found["kills"] >= kills
        if attempt(recipe, run, None if enough else rng.uniform(0.02, 1.1) * whole_s):
            found["kills"] += 1
            found["halves_left"] += bool(list(run.glob("**/.vivavoce-*.tmp")))
            continue
        found["chains"] += 1
        found["different"] += result(run) != wanted
        if enough:
            break
        shutil.rmtree(run)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    known = list(toy_recipes.RECIPES)
    parser.add_argument("--families", nargs="+", default=known, choices=known)
    parser.add_argument("--kills", type=int, default=30, help="of each family")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    importlib.import_module("torch._dynamo")  # seconds, and every optimiser does
    rng, rows = random.Random(options.seed), []
    for family in options.families:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(family, options.kills, rng, Path(folder)))
        row = rows[-1]
        print(
            f"{family:8} {row['kills']} kills ({row['halves_left']} in the middle of writing), "
            f"{row['chains']} runs resumed to their end, {row['different']} of them different",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    bad = [row for row in rows if row["different"] or row["kills"] < options.kills]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
