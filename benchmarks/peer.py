"""Races one of our models against a peer's: the same weights and input, in turns, two processes.

The peer lives in its own interpreter (`--peer`), where `peer_worker.py` builds its model at
official size with random weights. Those weights come to us through our own converter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.checkpoints import read as checkpoint
from vivavoce.checkpoints.remap import strict_load
from vivavoce.checkpoints.text_file import read_table
from vivavoce.registry import Family

PAUSE_S = 0.02
"""Between turns: the other side's threads must have gone to sleep."""


class Peer:
    """A worker process in the peer's interpreter; every call waits for its answer."""

    def __init__(self, python: str, script: str = "peer_worker.py") -> None:
        self._worker = Path(__file__).with_name(script)
        self._process = subprocess.Popen(
            [python, str(self._worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": task} | arguments) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"The peer's process ended: run {self._worker} by hand to see why.")
        return json.loads(answer)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--peer", required=True, help="the interpreter that has coqui-tts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=9, help="counted runs of each side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser


def build_ours(folder: Path, family: Family[Any]) -> Any:
    """Our module of the weights that the worker wrote, through the family's converter."""
    tensors = checkpoint.read(folder / "model.pth", ("model",)).tensors
    foreign = read_table(folder / "config.json")
    tables = family.importer.tables(foreign, tensors, None)
    with torch.device("meta"):
        module = family.model.build(tables)
    strict_load(module, family.importer.adapt(tensors)[0])
    return module


def race(
    options: argparse.Namespace,
    task: dict[str, Any],
    prepare: Callable[[Path, Tensor], Callable[[], Tensor]],
) -> dict[str, Any]:
    """Times in seconds, ours and theirs in turn, and the largest difference of the outputs.

    `prepare(folder, input)` builds our side and returns what is timed; `task` goes to the worker.
    """
    torch.set_num_threads(options.threads)
    peer = Peer(options.peer)
    try:
        with tempfile.TemporaryDirectory() as name:
            built = peer.ask(
                "build", folder=name, seed=options.seed, threads=options.threads, **task
            )
            folder = Path(name)
            run = prepare(folder, read_tensor(folder / "input.npy"))
            peer.ask("output")
            theirs, ours = read_tensor(folder / "output.npy"), run()
            result = {
                "work": task,
                "threads": options.threads,
                "torch": {"ours": torch.__version__, "peer": built["torch"]},
                "shape": list(ours.shape),
                "largest_value": float(theirs.abs().max()),
                "largest_error": float((ours - theirs).abs().max()),
            }
            times = take_turns(lambda: timed(run), lambda: peer.ask("run"), options.runs)
    finally:
        peer.close()
    return result | {
        "runs": options.runs,
        "wall": summary(times, "wall"),
        "cpu": summary(times, "cpu"),
    }


def summary(times: dict[str, list[dict[str, float]]], clock: str) -> dict[str, Any]:
    """Seconds by `clock`; the ratio is ours over theirs, also as the median over pairs of turns."""
    seconds = {side: [turn[clock] for turn in turns] for side, turns in times.items()}
    middle = {side: median(values) for side, values in seconds.items()}
    return {
        "median_s": middle,
        "min_s": {side: min(values) for side, values in seconds.items()},
        "ratio": middle["ours"] / middle["peer"],
        "ratio_of_pairs": median(a / b for a, b in zip(*seconds.values(), strict=True)),
    }


def take_turns(
    ours: Callable[[], dict[str, float]],
    peer: Callable[[], dict[str, float]],
    runs: int,
    warm: int = 2,
) -> dict[str, list[dict[str, float]]]:
    times: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for number in range(runs + warm):
        for side, once in (("ours", ours), ("peer", peer)):
            turn = once()
            time.sleep(PAUSE_S)
            if number >= warm:
                times[side].append(turn)
    return times


def timed(run: Callable[[], Any]) -> dict[str, float]:
    """Seconds by the wall and of this process' processor time."""
    begin, cpu = time.perf_counter(), time.process_time()
    run()
    return {"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}


def read_tensor(file: Path) -> Tensor:
    return torch.from_numpy(np.load(file))


def show(title: str, result: dict[str, Any], as_json: bool, other: str = "coqui-tts") -> None:
    if as_json:
        print(json.dumps(result))
        return
    print(f"{title}, {result['threads']} thread(s), {result['runs']} runs in turn")
    for clock in ("wall", "cpu"):
        found = result[clock]
        for side, label in (("ours", "vivavoce"), ("peer", other)):
            middle, least = found["median_s"][side], found["min_s"][side]
            print(
                f"  {clock:<4} {label:<10} median {middle * 1e3:8.1f} ms, min {least * 1e3:8.1f} ms"
            )
        pairs = found["ratio_of_pairs"]
        print(f"  {clock:<4} ratio of medians {found['ratio']:.3f}, median of pairs {pairs:.3f}")
    print(
        f"  largest difference {result['largest_error']:.1e} where the largest value is "
        f"{result['largest_value']:.2f}; shape {result['shape']}"
    )
