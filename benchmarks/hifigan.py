"""HiFi-GAN at official size, mel to samples, beside coqui-tts'.

python -m benchmarks.hifigan --peer PYTHON [--version v2] [--frames 500] [--threads 2] [--json]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import peer
from vivavoce.hub import paths
from vivavoce.vocoders.hifigan.family import FAMILY


def prepare(folder: Path, features: Tensor) -> Callable[[], Tensor]:
    model = peer.build_ours(folder, FAMILY).freeze(paths.folder())
    edge = (model.edge_frames, model.edge_frames)

    @torch.inference_mode()
    def run() -> Tensor:
        return model.decode(F.pad(features, edge, mode="replicate")).unsqueeze(1)

    return run


def main() -> None:
    parser = peer.arguments(__doc__)
    parser.add_argument("--version", choices=("v1", "v2"), default="v1")
    parser.add_argument("--frames", type=int, default=500)
    options = parser.parse_args()
    task = {"model": "hifigan", "version": options.version, "frames": options.frames}
    result = peer.race(options, task, prepare)
    title = f"HiFi-GAN {options.version.upper()}, {options.frames} frames"
    peer.show(title, result, options.json)


if __name__ == "__main__":
    main()
