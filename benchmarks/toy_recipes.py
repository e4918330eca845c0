"""The tiniest recipe of every family that trains, with its data: nothing of it is speech.

Sizes, clips and checkpoints are those of the tests. Every recipe takes a few steps, averages its
weights, draws at random and validates in between.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from tests.models.f5 import corpus as f5_corpus
from tests.models.forward.test_train import SMALL as FORWARD
from tests.models.glow.test_train import TABLES as GLOW
from tests.models.vits.test_train import TABLES as VITS
from tests.models.xtts import corpus as xtts_corpus
from tests.vocoders.adversarial import test_training as adversarial
from tests.vocoders.pulse.test_train import SMALL as PULSE
from vivavoce import config

Tables = dict[str, Any]
STEPS = 12
COMMON = {
    "optim": {"lr": 1e-3, "steps": STEPS, "clip": 5.0},
    "loop": {
        "batch_seconds": 3.0, "checkpoint_every": 2, "validate_every": 5, "ema_decay": 0.9,
        "workers": 1, "samples": 0, "precision": "float32",
    },
    "log": {"every": 1, "tensorboard": False},
}  # fmt: skip


def write(family: str, folder: Path) -> Path:
    """The recipe of a family with everything that it names, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"name": family, "family": family, "output": str(folder / "run"), "seed": 5}
    tables |= RECIPES[family](folder)
    for name, values in COMMON.items():
        tables[name] = {**values, **tables.get(name, {})}
    if tables["loop"].get("batch_size"):
        tables["loop"].pop("batch_seconds")
    file = folder / "recipe.toml"
    file.write_text(config.dumps(tables), encoding="utf-8")
    return file


def _data(path: Path, **source: str) -> Tables:
    return {
        "sources": [{"path": str(path), **source}],
        "validation": 2,
        "cache": str((path if path.is_dir() else path.parent) / "cache"),
    }


def _f5(folder: Path) -> Tables:
    """Adapters on published weights, blocks computed again, two batches an update."""
    data = f5_corpus.write_corpus(folder / "data")
    base = f5_corpus.store_base(folder / "base")
    return {
        "data": _data(data),
        "start": {"model": str(base), "train": "lora", "adapter": {"rank": 4}},
        "memory": {"limit_gb": 4.0, "recompute": "always"},
        "optim": {"accumulate": 2, "schedule": "linear", "warmup_steps": 2},
    }


def _e2(folder: Path) -> Tables:
    """An E2 from random weights, whose vocabulary is that of the texts."""
    tables = f5_corpus.recipe_tables(f5_corpus.write_corpus(folder / "data"), folder / "run")
    sizes = {"backbone": "unett", "text_dim": 100, "text_layers": 0, "mask_text": False}
    sizes |= {"depth": 2, "ff_mult": 2}
    return {
        "family": "f5",
        "data": tables["data"],
        "start": tables["start"],
        "text": tables["text"],
        "model": tables["model"] | sizes,
    }


def _xtts(folder: Path) -> Tables:
    tables = xtts_corpus.recipe_tables(folder)
    return {key: tables[key] for key in ("data", "start", "text", "loss")} | {
        "optim": {"accumulate": 2, "betas": [0.9, 0.96]}
    }


def _glow(folder: Path) -> Tables:
    data = xtts_corpus.write_corpus(folder / "data")
    return {"data": _data(data), "text": {"kind": "arpabet"}, **GLOW}


def _vits(folder: Path) -> Tables:
    data = xtts_corpus.write_corpus(folder / "data")
    return {"data": _data(data), **{k: VITS[k] for k in ("model", "text", "features", "loss")}}


def _forward(folder: Path) -> Tables:
    data = _with_prosody(folder / "data")
    return {"data": _data(data, format="jsonl"), "text": {"kind": "arpabet"}, "model": FORWARD}


def _pulse(folder: Path) -> Tables:
    data = _with_prosody(folder / "data")
    return {
        "data": _data(data, format="jsonl"),
        "model": PULSE,
        "loss": {"segment_frames": 24},
        "loop": {"batch_size": 2},
    }


def _with_prosody(folder: Path) -> Path:
    """Clips whose rows say how long each token is and how high the voice."""
    xtts_corpus.write_corpus(folder)
    rng, rows = np.random.default_rng(1), []
    for line in (folder / "metadata.csv").read_text(encoding="utf-8").splitlines():
        name, text = line.split("|")
        seconds = 1.1 + 0.1 * len(rows)
        row = {"audio": f"{name}.wav", "text": text, "tokens": rng.integers(4, 60, 12).tolist()}
        row |= {"durations_s": [seconds / 12] * 12, "pitch_hz": [150.0 + n for n in range(20)]}
        rows.append(json.dumps(row))
    (folder / "manifest.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "manifest.jsonl"


def _vocoder(family: str) -> Callable[[Path], Tables]:
    """A generator against discriminators, on crops."""

    def tables(folder: Path) -> Tables:
        return {
            "data": _data(adversarial.write_data(folder / "data")),
            "model": adversarial.MODELS[family],
            "features": adversarial.FEATURES,
            "loss": {**adversarial.SMALL, "discriminator_ffts": [128, 256], "spectral_ffts": [128]},
            "loop": {"batch_size": 2, "best_metric": "mel"},
        }

    return tables


RECIPES: dict[str, Callable[[Path], Tables]] = {
    "f5": _f5,
    "e2": _e2,
    "xtts": _xtts,
    "glow": _glow,
    "vits": _vits,
    "forward": _forward,
    "vocos": _vocoder("vocos"),
    "hifigan": _vocoder("hifigan"),
    "bigvgan": _vocoder("bigvgan"),
    "pulse": _pulse,
}
