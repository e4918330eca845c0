"""An exported voice in onnxruntime beside the engine: processor time, and a cold process.

    python -m benchmarks.onnx [--voice linnet] [--runs 9] [--json]

Both compute one sentence on one thread, in turns; its samples are compared. The cold process is
`examples/onnx_without_torch.py`: it loads the file, reads a sentence and writes a recording.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from vivavoce.checkpoints.onnx_layers import NoiseInput
from vivavoce.hub.onnx import (
    CHECKED,
    OnnxVoice,
    difference,
    known_inputs,
    ran,
    run_session,
    to_onnx,
)
from vivavoce.vocoders.base import decode_windowed

EXAMPLE = Path(__file__).parents[1] / "examples" / "onnx_without_torch.py"
LAUNCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""A small process in between: a child counts the memory of whoever forked it."""
KIBIBYTES_PER_MB = 1e6 / 1024  # ru_maxrss on Linux


def side_by_side(name: str, file: Path, runs: int) -> dict[str, float]:
    """Median processor seconds of both for one sentence, and how far their samples differ."""
    voice, session = OnnxVoice.open(name), run_session(file.read_bytes())
    options = voice.options()
    ids = voice.model.tokenise(CHECKED[1], voice.model.voice(), options).ids
    told = json.loads(session.get_modelmeta().custom_metadata_map["noise_inputs"])
    noises = [NoiseInput(one, what["channels"], what["per"]) for one, what in told.items()]
    fed = known_inputs(session, voice.feeds(noises, ids, options))

    @torch.inference_mode()
    def engine() -> np.ndarray:
        features = voice.features(ids, options)
        return decode_windowed(voice.vocoder, features.values, condition=features.condition).numpy()

    sides: dict[str, Callable[[], np.ndarray]] = {
        "engine": engine,
        "onnxruntime": lambda: ran(session, fed)[0],
    }
    samples = {side: compute() for side, compute in sides.items()}
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(runs):
        for side, compute in sides.items():
            begin = time.process_time()
            compute()
            taken[side].append(time.process_time() - begin)
    rate = voice.model.spec.sample_rate
    return {
        "speech_s": samples["engine"].shape[1] / rate,
        **{f"{side}_cpu_s": median(times) for side, times in taken.items()},
        "difference": difference(samples["onnxruntime"], samples["engine"]),
    }


def cold(file: Path, folder: Path) -> dict[str, float]:
    """Processor seconds and largest memory of a process that speaks one sentence."""
    program = [sys.executable, str(EXAMPLE), str(file), CHECKED[1], str(folder / "cold.wav")]
    launched = [sys.executable, "-c", LAUNCH, *program]
    said = subprocess.run(launched, stdout=subprocess.PIPE, text=True, check=True).stdout
    if "torch: False" not in said:
        sys.exit(f"{EXAMPLE.name} loaded torch: {said}")
    cpu_s, kibibytes = map(float, said.split()[-2:])
    return {"cold_cpu_s": cpu_s, "cold_mb": kibibytes / KIBIBYTES_PER_MB}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voice", default="linnet")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        file = Path(folder, "voice.onnx")
        to_onnx(options.voice, file)
        found = {"file_mb": file.stat().st_size / 1e6}
        found |= side_by_side(options.voice, file, options.runs)
        found |= cold(file, Path(folder))
    if options.json:
        print(json.dumps({"voice": options.voice, **found}, indent=2))
        return
    for name, value in found.items():
        print(f"{name:18} {value:.3g}")


if __name__ == "__main__":
    main()
