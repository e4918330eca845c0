"""Coqui's other models at official size beside coqui-tts: the same weights and input, in turns.

    python -m benchmarks.zoo --peer PYTHON [--rows tacotron2 fastpitch ...] [--threads 1] [--json]

A row names the work, how ours is prepared, and the share of the peer's time it may take. The exit
code is 1 where the processor time of a row takes more. A row more is a line in `ROWS`, and a
builder in `zoo_peer.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import peer
from vivavoce.models import MODELS
from vivavoce.models.base import sentences
from vivavoce.models.stepwise import SideBySide, StepwiseModel
from vivavoce.models.tacotron2.guard import AttentionGuard
from vivavoce.models.tacotron2.model import TacotronSequence
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens
from vivavoce.vocoders import VOCODERS

Prepared = Callable[[], Tensor]
STEPS, SYMBOLS, FRAMES = 215, 90, 430
"""Five seconds."""


@dataclass(frozen=True)
class Race:
    """`share` is the most of the peer's time that ours may take; `task` goes to the peer."""

    task: dict[str, Any]
    prepare: Callable[[Path, Tensor], Prepared]
    share: float


def stepwise(folder: Path, ids: Tensor) -> Prepared:
    """All steps, and the postnet: nothing is judged, so that both sides make as many."""
    model: StepwiseModel[Any] = peer.build_ours(folder, MODELS.family("tacotron2")).freeze()
    tokens = Tokens(tuple(ids[0].tolist()), (0,) * ids.shape[1])
    (sentence,) = sentences([tokens], model.voice(), model.options_type())

    @torch.inference_mode()
    def run() -> Tensor:
        row = model.begin(sentence, Noise(0))
        assert isinstance(row, TacotronSequence)
        row.limit, row.guard = STEPS, AttentionGuard(ids.shape[1], step_s=0.0)
        decoding = SideBySide(model)
        decoding.add(row)
        while decoding.rows:
            decoding.step()
        return row.rest().values.transpose(1, 2)

    return run


def parallel(folder: Path, ids: Tensor) -> Prepared:
    model = peer.build_ours(folder, MODELS.family("fastpitch")).freeze()
    tokens = Tokens(tuple(ids[0].tolist()), (0,) * ids.shape[1])
    asked = sentences([tokens], model.voice(), model.options_type())
    return lambda: next(model.generate(asked, Noise(0))).values.transpose(1, 2)


def melgan(folder: Path, features: Tensor) -> Prepared:
    vocoder = peer.build_ours(folder, VOCODERS.family("melgan")).freeze()
    edges = (vocoder.edge_frames, vocoder.edge_frames)

    @torch.inference_mode()
    def run() -> Tensor:
        return vocoder.decode(F.pad(features, edges, mode="replicate")).unsqueeze(1)

    return run


ROWS = {
    "tacotron2": Race(
        {"model": "tacotron2", "symbols": SYMBOLS, "steps": STEPS, "r": 2}, stepwise, 0.5
    ),
    "fastpitch": Race({"model": "fastpitch", "symbols": SYMBOLS}, parallel, 0.7),
    "multiband": Race({"model": "melgan", "kind": "multiband", "frames": FRAMES}, melgan, 0.8),
    "fullband": Race({"model": "melgan", "kind": "fullband", "frames": FRAMES}, melgan, 0.8),
}


def main() -> int:
    parser = peer.arguments(__doc__ or "")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    options = parser.parse_args()
    found = {}
    for name in options.rows:
        row = ROWS[name]
        result = peer.race(options, row.task, row.prepare)
        ratio = result["cpu"]["ratio_of_pairs"]
        found[name] = result | {"share": row.share, "kept": ratio <= row.share}
        if not options.json:
            peer.show(f"{name} (at most {row.share} of the peer's time)", result, False)
    if options.json:
        print(json.dumps(found))
    return 0 if all(row["kept"] for row in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
