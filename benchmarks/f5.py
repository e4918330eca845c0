"""F5-TTS v1 Base at official size, noise to mel, beside the peer's: same weights, noise and work.

    python benchmarks/f5.py --peer PYTHON_OF_THE_PEER [--json FILE] [--steps 32] [--runs 1]

Both sides take turns, in two processes. `--json` gets a list of objects: name, ours_s, peer_s,
ratio, max_abs_error. The first error is that of our mel beside the peer's; those of lower
precision and of fewer steps are beside our own float32 mel of the same steps. `share` is the
time that the products alone would take at the rate of a large square one, divided by ours. With
`--bigvgan` the vocoder is raced too, against a checkout of its publication
(benchmarks/bigvgan.py).
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

from benchmarks import bigvgan, peer
from vivavoce.checkpoints import read as checkpoint
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.diagnose.floor import CountProducts, MachineFloor
from vivavoce.hub import paths as cache
from vivavoce.models.f5.config import F5Options
from vivavoce.models.f5.family import FAMILY
from vivavoce.models.f5.sampler import evaluations, guided, sample
from vivavoce.runtime import choose_precision
from vivavoce.runtime.arithmetic import choose_arithmetic
from vivavoce.runtime.kernels import least_seconds

SAMPLE_SEED = 7
SIDE = 2048
FAST = 7
"""Steps of the fast preset."""


def ours(folder: Path, precision: str) -> Any:
    """Our model of the weights that the worker wrote, as `load` prepares it."""
    tensors = checkpoint.read(folder / "model.pth", ("model",)).tensors
    rows = next(v for k, v in tensors.items() if k.endswith("text_embed.text_embed.weight"))
    words = "\n".join([" ", *(f"word{n}" for n in range(len(rows) - 2))])
    found = {"vocabulary": words, "variant": "v1"}
    tables = FAMILY.importer.tables({"found": found}, tensors, None)
    with without_numbers():
        model = FAMILY.model.build(tables)
    strict_load(model, FAMILY.importer.adapt(tensors)[0])
    device = torch.device("cpu")
    arithmetic = choose_arithmetic(device, choose_precision(precision, device), cache.folder())
    return model.freeze(arithmetic)


def work(model: Any, folder: Path, frames: int, steps: int) -> Callable[[], Tensor]:
    """The whole of it, as `generate` does: context, schedule, every step."""
    known = peer.read_tensor(folder / "input.npy")
    ids = torch.tensor(json.loads((folder / "config.json").read_text())["ids"])
    torch.manual_seed(SAMPLE_SEED)
    noise = torch.randn(1, frames, known.shape[2])
    given = torch.zeros_like(noise)
    given[:, : known.shape[1]] = known
    options = F5Options(steps=steps)

    @torch.inference_mode()
    def run() -> Tensor:
        context = model.backbone.context(given, [ids], [frames], guided(options))
        schedule = model.backbone.schedule(evaluations(options))
        x = sample(model.backbone, noise, context, schedule, options)
        x[:, : known.shape[1]] = known
        return x

    return run


def timed(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    begin = time.perf_counter()
    found = run()
    return time.perf_counter() - begin, found


def rate(dtype: torch.dtype) -> float:
    """GFLOP/s of a large square product, the best of several."""
    a = torch.ones(SIDE, SIDE, dtype=dtype)
    return 2e-9 * SIDE**3 / least_seconds((lambda: a @ a,), 5)[0]


def step_gflop(model: Any, folder: Path, frames: int) -> float:
    """Of the products of one evaluation, attention's too."""
    with CountProducts(MachineFloor(1.0, float("inf"))) as counted:
        work(model, folder, frames, 1)()
    return counted.seconds


def measure(options: argparse.Namespace, folder: Path, worker: peer.Peer) -> list[dict[str, Any]]:
    runs: dict[str, tuple[str, int]] = {
        f"float32, {options.steps} steps": ("float32", options.steps),
        f"bfloat16, {options.steps} steps": ("bfloat16", options.steps),
        f"fast preset: bfloat16, {FAST} steps": ("bfloat16", FAST),
        f"float32, {FAST} steps": ("float32", FAST),
    }
    models = {precision: ours(folder, precision) for precision in ("float32", "bfloat16")}
    gc.collect()
    seconds: dict[str, list[float]] = {name: [] for name in (*runs, "peer")}
    rates: dict[str, list[float]] = {precision: [] for precision in models}
    mels: dict[str, Tensor] = {}
    for _ in range(options.runs):
        seconds["peer"].append(worker.ask("run")["wall"])
        for precision, found in rates.items():
            found.append(rate(getattr(torch, precision)))
        for name, (precision, steps) in runs.items():
            spent, mels[name] = timed(work(models[precision], folder, options.frames, steps))
            seconds[name].append(spent)
    worker.ask("output")
    reference = peer.read_tensor(folder / "output.npy")
    first = next(iter(runs))
    beside = {name: mels[f"float32, {steps} steps"] for name, (_, steps) in runs.items()}
    beside[first] = reference
    beside[f"float32, {FAST} steps"] = mels[first]
    theirs = median(seconds["peer"])
    gflop = step_gflop(models["float32"], folder, options.frames)
    floors = {n: gflop * steps / median(rates[precision]) for n, (precision, steps) in runs.items()}
    return [
        {
            "name": f"F5-TTS v1 Base, {name}",
            "ours_s": round(median(seconds[name]), 3),
            "peer_s": round(theirs, 3),
            "ratio": round(median(seconds[name]) / theirs, 4),
            "share": round(floors[name] / median(seconds[name]), 3),
            "max_abs_error": float((mels[name] - beside[name]).abs().max()),
        }
        for name in runs
    ]


def vocoder(folder: Path, frames: int) -> dict[str, Any]:
    found = bigvgan.measure(folder, frames, runs=3)
    seconds = found["wall"]["median_s"]
    return {
        "name": f"BigVGAN v2, {frames} frames",
        "ours_s": round(seconds["ours"], 3),
        "peer_s": round(seconds["peer"], 3),
        "ratio": round(seconds["ours"] / seconds["peer"], 4),
        "max_abs_error": found["largest_error"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="the interpreter that has f5-tts")
    parser.add_argument("--bigvgan", type=Path, help="a checkout of github.com/NVIDIA/BigVGAN")
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--frames", type=int, default=1125, help="6 s of reference, 6 s of speech")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--runs", type=int, default=1, help="turns of each side")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    worker = peer.Peer(options.peer)
    try:
        with tempfile.TemporaryDirectory() as name:
            task = {"frames": options.frames, "reference": options.frames // 2, "letters": 150}
            worker.ask(
                "build",
                folder=name,
                model="f5",
                seed=1,
                threads=options.threads,
                steps=options.steps,
                **task,
            )
            results = measure(options, Path(name), worker)
    finally:
        worker.close()
    if options.bigvgan:
        results.append(vocoder(options.bigvgan, options.frames // 2))
    for row in results:
        print(
            f"{row['name']:45} ours {row['ours_s']:8.2f} s, peer {row['peer_s']:8.2f} s, ratio "
            f"{row['ratio']:.3f}, share of the floor {row.get('share', nan):.2f}, "
            f"largest difference {row['max_abs_error']:.1e}"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
