"""The memory plan beside what a process holds: fine-tunes at full width, weights random.

    python benchmarks/training_memory.py {f5,xtts} --max-memory 16GB 8GB [--seconds 8.5]
        [--batch-seconds 34] [--folder FOLDER] [--set KEY=VALUE ...] [--json FILE]

Each limit is one process, which trains by `recipes/FAMILY-finetune.toml` with `--max-memory`: an
update of one clip, after which the optimiser has its state, then one of a full batch. It validates,
writes its checkpoint and exports. `peak` is the most main memory it ever held (resident, mapped
files included), `plan` what was said before the first step.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import training_inputs as inputs
from vivavoce.cli.train import gigabytes
from vivavoce.train.sampler import BatchSampler

CHILD = """
import json, sys, time, torch
from vivavoce.runtime.memory import peak_memory
from vivavoce.train import train
torch.set_num_threads(1)
seen = {}
def note(done, total, said):
    seen[f"{said.partition(' ')[0]} {done}"] = peak_memory()
train(sys.argv[1], sys.argv[2:], device="cpu", on_progress=note)
print(json.dumps({"peak": peak_memory(), "cpu_s": time.process_time(), "seen": seen}))
"""


def settings(family: str, folder: Path, options: argparse.Namespace) -> list[str]:
    """The recipe's values that differ: random weights, clips of noise, few steps."""
    rows = int(options.batch_seconds / options.seconds)
    rate = {"f5": 24_000, "xtts": 22_050}[family]
    data = inputs.clips(
        folder / f"{family}-{options.seconds:g}", [options.seconds] * (rows + 2), rate
    )
    base = {"f5": inputs.f5_base, "xtts": inputs.xtts_base}[family](folder / f"{family}-base")
    found = {
        "data.sources": f'[{{ path = "{data}" }}]',
        "data.cache": f'"{data / "cache"}"',
        "data.validation": "1",
        "seed": str(_seed(rows, options)),
        "start.model": f'"{base}"',
        "optim.steps": "2",
        "optim.accumulate": "1",
        "loop.batch_seconds": str(options.batch_seconds),
        "loop.precision": f'"{options.precision}"',
        "log.tensorboard": "false",
        "log.every": "1",
        "speak.texts": "[]",
        "loop.samples": "0",
    }
    if family == "xtts":
        found["loss.dvae"] = f'"{inputs.dvae(folder / "dvae.safetensors")}"'
    return [f"{key}={value}" for key, value in found.items()] + options.set


def _seed(rows: int, options: argparse.Namespace) -> int:
    """One by which the batch of one clip is the first."""
    lengths = [options.seconds] * (rows + 1)
    for seed in count():
        first, *_ = BatchSampler(lengths, options.batch_seconds, 0, seed).epoch(0)
        if len(first) == 1:
            return seed
    raise AssertionError


def measure(family: str, limit: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    given = settings(family, folder, options)
    given += [f"memory.limit_gb={gigabytes(limit)}", f'output="{run}"']
    recipe = str(inputs.RECIPES / f"{family}-finetune.toml")
    command = [sys.executable, "-c", CHILD, recipe, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    said = json.loads(done.stdout.splitlines()[-1])
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    shutil.rmtree(run, ignore_errors=True)
    return {
        "family": family,
        "limit_gb": gigabytes(limit),
        "plan_gb": round(plan["peak"] / 1e9, 2),
        "peak_gb": round(said["peak"] / 1e9, 2),
        "used": round(said["peak"] / plan["peak"], 3),
        "how": {key: plan[key] for key in ("train", "average", "recompute", "parts")},
        "sizes_gb": {
            key: round(plan[key] / 1e9, 2)
            for key in ("weights", "optimiser", "ema", "gradients", "kept", "at_work", "process")
        },
        "cpu_s": round(said["cpu_s"]),
        "seen_gb": {key: round(value / 1e9, 2) for key, value in said["seen"].items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=("f5", "xtts"))
    parser.add_argument("--max-memory", nargs="+", default=["16GB", "8GB"])
    parser.add_argument("--seconds", type=float, default=8.5, help="of a clip")
    parser.add_argument("--batch-seconds", type=float, default=34.0)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folder", type=Path, help="keeps models and clips for the next run")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [measure(options.family, one, folder, options) for one in options.max_memory]
    for row in rows:
        print(json.dumps(row))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
