"""VITS at official size, symbols to samples, beside coqui-tts'.

python -m benchmarks.coqui_vits --peer PYTHON [--symbols 120] [--threads 2] [--json]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import peer
from vivavoce.hub import build, library, paths
from vivavoce.models.base import Sentence
from vivavoce.models.vits.config import VitsOptions
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens
from vivavoce.vocoders.base import decode_windowed

QUIET = VitsOptions(noise_scale=0.0, duration_noise=0.0, speed=0.25)


def prepare(folder: Path, symbols: Tensor) -> Callable[[], Tensor]:
    acoustic, decoder = build.split(library.open_model(str(folder / "model.pth")))
    assert decoder is not None
    model = build.acoustic(acoustic).freeze()
    vocoder = build.vocoder(decoder).freeze(paths.folder())
    ids = tuple(symbols[0].tolist())
    sentence = Sentence(Tokens(ids, (0,) * len(ids)), model.voice(), QUIET)

    @torch.inference_mode()
    def run() -> Tensor:
        parts = [part.values for part in model.generate([sentence], Noise(0))]
        return decode_windowed(vocoder, torch.cat(parts, 2)).unsqueeze(1)

    return run


def main() -> None:
    parser = peer.arguments(__doc__)
    parser.add_argument("--symbols", type=int, default=120)
    options = parser.parse_args()
    task = {"model": "vits", "symbols": options.symbols}
    result = peer.race(options, task, prepare)
    peer.show(f"VITS, {options.symbols} symbols", result, options.json)


if __name__ == "__main__":
    main()
