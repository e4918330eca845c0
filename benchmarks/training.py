"""A training step at full width beside the published trainer's, on the same batch, in turns.

    python benchmarks/training.py {f5,xtts} --peer PYTHON_OF_THE_PEER [--seconds 3.2 2.1]
        [--rounds 3] [--depth N] [--threads 1] [--precision float32] [--folder FOLDER] [--json FILE]

All weights, AdamW, the published settings. A step is everything from the batch in memory to the
updated weights: F5's forward and backward, clipping, AdamW and the average; XTTS' mels and codes
(the published trainer makes them anew in every step, ours reads codes from its cache), forward,
backward, AdamW. Weights are random on both sides, mels, texts and lengths the same; each side makes
its own draws. `--depth` takes fewer blocks of the same width. One step of each is not counted: in
it optimisers make their state.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks import peer
from benchmarks import training_inputs as inputs
from vivavoce.models.xtts import prompt
from vivavoce.nn.task import Batch
from vivavoce.train import recipe as recipes
from vivavoce.train.distributed import Group
from vivavoce.train.loop import Trainer
from vivavoce.train.run import assemble
from vivavoce.types import no_progress

PROMPT_S = (3.0, 6.0)
DEPTHS = {"f5": inputs.F5_DEPTH, "xtts": inputs.XTTS_DEPTH}
SETTINGS = {
    "f5": {"loop.ema_decay": "0.9999", "loop.ema_law": '"power"', "loop.ema_every": "10",
           "loop.ema_from": "100"},
    "xtts": {"optim.clip": "0.0"},
}  # fmt: skip
"""In place of our recipes' values: the published trainers'."""


def ours(options: argparse.Namespace, folder: Path) -> tuple[Trainer, Batch]:
    """Our trainer and the one batch of all clips."""
    family = options.family
    rate = {"f5": 24_000, "xtts": 22_050}[family]
    data = inputs.clips(folder / f"{family}-race", options.seconds, rate)
    write = {"f5": inputs.f5_base, "xtts": inputs.xtts_base}[family]
    base = write(folder / f"{family}-{options.depth}", options.depth)
    values = {
        "data.sources": f'[{{ path = "{data}" }}]',
        "data.cache": f'"{data / "cache"}"',
        "data.validation": "0",
        "start.model": f'"{base}"',
        "start.train": '"all"',
        "output": f'"{folder / "race"}"',
        "memory.limit_gb": "64",
        "loop.batch_seconds": "1000",
        "loop.precision": f'"{options.precision}"',
        "speak.texts": "[]",
        **SETTINGS[family],
    }
    if family == "xtts":
        values["loss.dvae"] = f'"{inputs.dvae(folder / "dvae.safetensors")}"'
    given = [f"{key}={value}" for key, value in values.items()] + options.set
    recipe = recipes.load(inputs.RECIPES / f"{family}-finetune.toml", given)
    trainer, _ = assemble(recipe, "cpu", Group(), no_progress)
    return trainer, trainer.data.batch(trainer.data.train, (0, 0, 0))


def write_batch(family: str, batch: Batch, folder: Path) -> None:
    """For the peer, in its own terms."""
    tokens, lengths = batch["tokens"], batch["token_lengths"]
    if family == "f5":
        ids = tokens.clone()
        ids[torch.arange(ids.shape[1]) >= lengths[:, None]] = -1
        found = {
            "mel": batch["features"].transpose(1, 2).contiguous(),
            "lengths": batch["feature_lengths"],
            "ids": ids,
        }
    else:
        spans = prompt.spans(batch["sample_lengths"].tolist(), PROMPT_S, False)
        found = {
            **{k: batch[k] for k in ("samples", "sample_lengths", "tokens", "token_lengths")},
            "prompt": prompt.crops(batch["samples"], spans, PROMPT_S),
            "prompt_spans": spans[:, :2],
        }
    np.savez(folder / "batch.npz", **{k: v.numpy() for k, v in found.items()})


def race(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    family = options.family
    trainer, batch = ours(options, folder)
    write_batch(family, batch, folder)
    if family == "xtts":
        vocabulary = inputs.published(folder / f"xtts-{options.depth}") / "vocab.json"
        (folder / "vocab.json").write_bytes(vocabulary.read_bytes())
    their = peer.Peer(options.peer, "training_peer.py")

    def step() -> None:
        trainer.update([trainer.to_device(batch)])
        trainer.state.step += 1

    try:
        how = {"depth": options.depth, "threads": options.threads}
        about = their.ask("load", family=family, folder=str(folder), **how)
        turn: Callable[[], dict[str, float]] = lambda: their.ask("step")  # noqa: E731
        times = peer.take_turns(lambda: peer.timed(step), turn, options.rounds, warm=1)
        before = their.ask("prepare") if family == "xtts" else {}
    finally:
        their.close()
    ours_loss = float(trainer.meter.take()["loss"])
    return {
        "family": family,
        "rows": len(batch["tokens"]),
        "frames_or_codes": batch["feature_lengths" if family == "f5" else "code_lengths"].tolist(),
        "depth": options.depth,
        "precision": options.precision,
        "threads": options.threads,
        "wall": peer.summary(times, "wall"),
        "cpu": peer.summary(times, "cpu"),
        "peer_prepare": before,
        "losses": {"ours": ours_loss, "peer": [t.get("loss") for t in times["peer"]]},
        "torch": {"ours": torch.__version__, "peer": about["torch"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=("f5", "xtts"))
    parser.add_argument("--peer", required=True, help="the interpreter that has f5-tts, coqui-tts")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.2, 2.1], help="of the clips")
    parser.add_argument("--rounds", type=int, default=3, help="counted steps of each side")
    parser.add_argument("--depth", type=int, default=0, help="blocks; the published model's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32", help="ours; the peer's is float32")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of our recipe")
    parser.add_argument("--folder", type=Path, help="keeps models and clips for the next run")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    options.depth = options.depth or DEPTHS[options.family]
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = race(options, folder)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
