"""GlowTTS at official size, tokens to mel, beside coqui-tts'.

    python -m benchmarks.glow --peer PYTHON [--symbols 100] [--threads 2] [--json]

With the random weights of both sides a symbol lasts five frames.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from benchmarks import peer
from vivavoce.models.base import sentences
from vivavoce.models.glow.config import GlowOptions
from vivavoce.models.glow.family import FAMILY
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens


def prepare(folder: Path, ids: Tensor) -> Callable[[], Tensor]:
    model = peer.build_ours(folder, FAMILY).freeze()
    symbols = tuple(ids[0].tolist())
    tokens = Tokens(symbols)
    options = GlowOptions(noise_scale=0.0)

    def run() -> Tensor:
        (features,) = model.generate(sentences([tokens], model.voice(), options), Noise(0))
        return features.values.transpose(1, 2)

    return run


def main() -> None:
    parser = peer.arguments(__doc__)
    parser.add_argument("--symbols", type=int, default=100)
    options = parser.parse_args()
    result = peer.race(options, {"model": "glow", "symbols": options.symbols}, prepare)
    peer.show(f"GlowTTS, {options.symbols} symbols", result, options.json)


if __name__ == "__main__":
    main()
