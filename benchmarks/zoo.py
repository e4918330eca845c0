"""Coqui's other models at official size beside coqui-tts: the same weights and input, in turns.

    python -m benchmarks.zoo --peer PYTHON [--rows tacotron2 fastpitch ...] [--precision int8]
        [--threads 1] [--runs 3] [--json]

A row names the work, how ours is prepared, and the share of the peer's time it may take. The exit
code is 1 where the processor time of a row takes more. A row more is a line in `ROWS`, and a
builder in `zoo_peer.py`. The peer computes in float32; `--precision` is ours, where a family has
it. Bark and Tortoise are their first transformers, all layers, for a few codes: 2 GB each side.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import peer
from vivavoce.checkpoints import read as checkpoint
from vivavoce.checkpoints.remap import strict_load, under
from vivavoce.models import MODELS
from vivavoce.models.bark import importer as bark_importer
from vivavoce.models.bark.config import BarkConfig, BarkOptions
from vivavoce.models.bark.gpt import CausalGpt
from vivavoce.models.bark.stages import semantic_tokens
from vivavoce.models.base import sentences
from vivavoce.models.stepwise import SideBySide, StepwiseModel
from vivavoce.models.tacotron2.guard import AttentionGuard
from vivavoce.models.tacotron2.model import TacotronSequence
from vivavoce.models.tortoise import importer as tortoise_importer
from vivavoce.models.tortoise.config import TortoiseConfig, TortoiseOptions
from vivavoce.models.tortoise.model import Tortoise
from vivavoce.nn.noise import Noise
from vivavoce.runtime import choose_precision
from vivavoce.runtime.arithmetic import Arithmetic, choose_arithmetic
from vivavoce.types import Tokens
from vivavoce.vocoders import VOCODERS

Prepared = Callable[[], Tensor]
STEPS, SYMBOLS, FRAMES = 215, 90, 430
"""Five seconds."""
CODES, TAKES = 12, 5
FLOAT32 = Arithmetic()


@dataclass(frozen=True)
class Race:
    """`share` is the most of the peer's time that ours may take; `task` goes to the peer."""

    task: dict[str, Any]
    prepare: Callable[[Path, Tensor, Arithmetic], Prepared]
    share: float


def stepwise(folder: Path, ids: Tensor, arithmetic: Arithmetic = FLOAT32) -> Prepared:
    """All steps, and the postnet: nothing is judged, so that both sides make as many."""
    model: StepwiseModel[Any] = peer.build_ours(folder, MODELS.family("tacotron2"))
    model.freeze(arithmetic)
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


def parallel(folder: Path, ids: Tensor, arithmetic: Arithmetic = FLOAT32) -> Prepared:
    model = peer.build_ours(folder, MODELS.family("fastpitch")).freeze(arithmetic)
    tokens = Tokens(tuple(ids[0].tolist()), (0,) * ids.shape[1])
    asked = sentences([tokens], model.voice(), model.options_type())
    return lambda: next(model.generate(asked, Noise(0))).values.transpose(1, 2)


def melgan(folder: Path, features: Tensor, arithmetic: Arithmetic = FLOAT32) -> Prepared:
    vocoder = peer.build_ours(folder, VOCODERS.family("melgan")).freeze()
    edges = (vocoder.edge_frames, vocoder.edge_frames)

    @torch.inference_mode()
    def run() -> Tensor:
        return vocoder.decode(F.pad(features, edges, mode="replicate")).unsqueeze(1)

    return run


def bark(folder: Path, ids: Tensor, arithmetic: Arithmetic = FLOAT32) -> Prepared:
    """Semantic tokens of a text, the likeliest each."""
    tensors, _ = bark_importer.adapt(written(folder))
    config = BarkConfig(semantic=bark_importer.gpt_config(tensors, "semantic"))
    with torch.device("meta"):
        gpt = CausalGpt(config.semantic)
    strict_load(gpt, under(tensors, "semantic."))
    gpt.eval().requires_grad_(False).blocks.freeze(arithmetic)
    options, draws = BarkOptions(temperature=0), torch.zeros(CODES)

    @torch.inference_mode()
    def run() -> Tensor:
        return semantic_tokens(gpt, config, ids[0], None, options, draws, may_end=False)[0]

    return run


def tortoise(folder: Path, ids: Tensor, arithmetic: Arithmetic = FLOAT32) -> Prepared:
    """Takes of a text side by side, the likeliest code each."""
    tensors, _ = tortoise_importer.adapt(written(folder))
    with torch.device("meta"):
        model = Tortoise(TortoiseConfig())
    strict_load(model.gpt, under(tensors, "gpt."))
    model.mel_stats = torch.ones(0)  # tells the device
    model.eval().requires_grad_(False).gpt.freeze(arithmetic)
    latent = torch.linspace(-1, 1, model.config.width)[None, None]
    options = TortoiseOptions(candidates=TAKES, temperature=0, repetition_penalty=1)

    @torch.inference_mode()
    def run() -> Tensor:
        takes = model.takes(latent, ids, options, Noise(0), CODES)
        return torch.tensor([take.codes for take in takes])

    return run


def written(folder: Path) -> dict[str, Tensor]:
    return dict(checkpoint.read(folder / "model.pth", ("model",)).tensors)


ROWS = {
    "tacotron2": Race(
        {"model": "tacotron2", "symbols": SYMBOLS, "steps": STEPS, "r": 2}, stepwise, 0.5
    ),
    "fastpitch": Race({"model": "fastpitch", "symbols": SYMBOLS}, parallel, 0.7),
    "bark": Race({"model": "bark", "symbols": SYMBOLS, "codes": CODES}, bark, 0.5),
    "tortoise": Race(
        {"model": "tortoise", "symbols": SYMBOLS, "codes": CODES, "takes": TAKES}, tortoise, 0.5
    ),
    "multiband": Race({"model": "melgan", "kind": "multiband", "frames": FRAMES}, melgan, 0.8),
    "fullband": Race({"model": "melgan", "kind": "fullband", "frames": FRAMES}, melgan, 0.8),
}


def main() -> int:
    parser = peer.arguments(__doc__ or "")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "int8"))
    options = parser.parse_args()
    chosen = choose_precision(options.precision, "cpu")
    measured, found = tempfile.TemporaryDirectory(), {}
    arithmetic = choose_arithmetic(torch.device("cpu"), chosen, Path(measured.name))
    for name in options.rows:
        row = ROWS[name]

        def prepare(folder: Path, given: Tensor, row: Race = row) -> Prepared:
            return row.prepare(folder, given, arithmetic)

        result = peer.race(options, row.task, prepare)
        ratio = result["cpu"]["ratio_of_pairs"]
        found[name] = result | {"share": row.share, "kept": ratio <= row.share}
        if not options.json:
            peer.show(f"{name} (at most {row.share} of the peer's time)", result, False)
    if options.json:
        print(json.dumps(found))
    return 0 if all(row["kept"] for row in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
