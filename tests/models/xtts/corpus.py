"""A toy corpus, a toy checkpoint and a toy discrete VAE to fine-tune an XTTS with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from tests.models.xtts.official import TINY
from tests.models.xtts.speaking import write_speaking
from vivavoce import config
from vivavoce.checkpoints import safetensors_file, store
from vivavoce.hub import library
from vivavoce.models.xtts.dvae import Dvae, DvaeConfig

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "ran", "to", "the", "man"]
RATE = 22_050
CODES = TINY.codes - 2


def write_corpus(folder: Path, count: int = 6, last_word: str = "") -> Path:
    """An LJSpeech-style folder of clips of about a second; nothing of it is speech."""
    rng = np.random.default_rng(0)
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for i in range(count):
        time = np.arange(round(RATE * (1.1 + 0.1 * i))) / RATE
        tone = 0.2 * np.sin(2 * np.pi * (150 + 40 * i) * time) * (1 + np.sin(9 * time)) / 2
        samples = (tone + 0.01 * rng.standard_normal(len(time))).astype(np.float32)
        soundfile.write(folder / "wavs" / f"clip{i}.wav", samples, RATE)
        said = " ".join(WORDS[(i + j) % len(WORDS)] for j in range(4 + i // 3))
        lines.append(f"clip{i}|{said} {last_word}".strip() + ".")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_dvae(path: Path) -> Path:
    torch.manual_seed(7)
    dvae = Dvae(DvaeConfig(hidden=8, width=8, codes=CODES, blocks=1))
    safetensors_file.save(path, dvae.state_dict())
    return path


def store_base(folder: Path) -> Path:
    """A toy XTTS as `models import` leaves one."""
    stored = library.open_model(str(write_speaking(folder.with_name("XTTS-v2"))))
    store.save(folder, stored.manifest, stored.tensors)
    return folder


def recipe_tables(folder: Path, **text: Any) -> dict[str, Any]:
    """A recipe for four short updates; makes data, checkpoint and VAE in `folder`."""
    data = write_corpus(folder / "data")
    dvae = write_dvae(folder / "dvae.safetensors")
    return {
        "name": "toy-xtts",
        "family": "xtts",
        "output": str(folder / "run"),
        "seed": 5,
        "data": {"sources": [{"path": str(data)}], "validation": 2, "cache": str(data / "cache")},
        "start": {"model": str(store_base(folder / "base"))},
        "text": {"language": "en", **text},
        "loss": {"dvae": str(dvae), "prompt_s": [0.5, 0.8]},
        "optim": {
            "lr": 1e-3, "betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 0.01, "steps": 4,
        },
        "loop": {"batch_seconds": 6.0, "validate_every": 4, "workers": 1, "samples": 0},
        "log": {"every": 1, "tensorboard": False},
    }  # fmt: skip


def write_recipe(folder: Path, tables: dict[str, Any]) -> Path:
    file = folder / "recipe.toml"
    file.write_text(config.dumps(tables), encoding="utf-8")
    return file
