"""BigVGAN v2 at official size, mel to samples, beside the publication's code in this process.

python -m benchmarks.bigvgan --reference FOLDER [--frames 563] [--threads 2] [--json FILE]

FOLDER is a checkout of github.com/NVIDIA/BigVGAN. The same random weights go into both models.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from benchmarks import peer
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.vocoders.bigvgan.family import FAMILY

CONFIG = Path("configs/bigvgan_v2_24khz_100band_256x.json")


def reference(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The publication's generator with weight norm folded, and its configuration.

    Its `utils` draws pictures; only two functions of it are needed here, so that is not loaded.
    """
    stand_in: Any = ModuleType("utils")
    stand_in.init_weights = lambda module: None
    stand_in.get_padding = lambda kernel, dilation=1: dilation * (kernel - 1) // 2
    sys.modules["utils"] = stand_in
    sys.path.insert(0, str(folder))
    foreign = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    sizes = importlib.import_module("env").AttrDict(foreign)
    model = importlib.import_module("bigvgan").BigVGAN(sizes)
    for name, parameter in model.named_parameters():
        if name.endswith((".alpha", ".beta")):
            torch.nn.init.normal_(parameter, std=0.5)
    model.remove_weight_norm()
    return model.eval().requires_grad_(False), foreign


def ours(theirs: Any, foreign: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    with without_numbers():
        model = FAMILY.model.build(FAMILY.importer.tables(foreign, {}, None))
    strict_load(model, FAMILY.importer.adapt(theirs.state_dict())[0])
    return model.freeze().decode


@torch.inference_mode()
def measure(folder: Path, frames: int, runs: int) -> dict[str, Any]:
    """Both sides in turn, in this process and with its threads."""
    torch.manual_seed(1)
    theirs, foreign = reference(folder)
    decode = ours(theirs, foreign)
    mel = torch.randn(1, 100, frames) * 2 - 5
    expected, found = theirs(mel)[:, 0], decode(mel)
    times = peer.take_turns(
        lambda: peer.timed(lambda: decode(mel)),
        lambda: peer.timed(lambda: theirs(mel)),
        runs,
        warm=0,  # the comparison above was each side's first run
    )
    return {
        "work": {"model": "bigvgan_v2_24khz_100band_256x", "frames": frames},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "shape": list(found.shape),
        "largest_value": float(expected.abs().max()),
        "largest_error": float((found - expected).abs().max()),
        "runs": runs,
        "wall": peer.summary(times, "wall"),
        "cpu": peer.summary(times, "cpu"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=563)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each side")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = measure(options.reference, options.frames, options.runs)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    peer.show(f"BigVGAN v2, {options.frames} frames", result, False, "BigVGAN")


if __name__ == "__main__":
    main()
