"""A toy corpus in 24 kHz and a stored F5 to start from: nothing of it is speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from tests.models.f5.toy import toy
from vivavoce import config
from vivavoce.checkpoints import store

WORDS = "the cat sat on a mat and the dog ran to the man in a red hat by the sea"
RATE = 24_000


def write_corpus(folder: Path, count: int = 8, letters: str = "") -> Path:
    """An LJSpeech-style folder; each clip lasts about as long as its words would."""
    rng = np.random.default_rng(0)
    (folder / "wavs").mkdir(parents=True)
    lines, words = [], WORDS.split()
    for i in range(count):
        seconds = 1.2 + 0.1 * i
        time = np.arange(round(RATE * seconds)) / RATE
        tone = 0.2 * np.sin(2 * np.pi * (150 + 40 * i) * time) * (1 + np.sin(9 * time)) / 2
        samples = (tone + 0.01 * rng.standard_normal(len(time))).astype(np.float32)
        soundfile.write(folder / "wavs" / f"clip{i}.wav", samples, RATE)
        said = " ".join(words[(i + j) % len(words)] for j in range(4 + i // 3))
        lines.append(f"clip{i}|{said}{letters if i == 0 else ''}.")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def store_base(folder: Path, kind: str = "v1") -> Path:
    """A toy F5 as `models import` leaves one."""
    model = toy(kind)
    fresh = toy_state(model, kind)
    manifest = {
        "kind": "acoustic",
        "family": "f5",
        "name": folder.name,
        "licence": "CC-BY-NC-4.0",
        "vocoder": "kathleen-pulse",
        "config": config.to_dict(model.config),
        "features": config.to_dict(model.spec),
        "text": config.to_dict(model.text),
        "variant": {"name": "v1" if model.config.mask_text else "v0", "reason": "it is a toy"},
    }
    store.save(folder, manifest, fresh)
    return folder


def toy_state(model: Any, kind: str) -> dict[str, torch.Tensor]:
    """The tensors of a toy before `freeze` joined its layers."""
    from vivavoce.models.f5.model import F5TTS

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = F5TTS(model.config, model.spec, model.text)
        for name, parameter in whole.named_parameters():
            if any(part in name for part in ("modulation", ".output.", ".response.")):
                torch.nn.init.normal_(parameter, 0.0, 0.02)
    return whole.state_dict()


def recipe_tables(data: Path, run: Path, base: Path | str = "") -> dict[str, Any]:
    """A recipe for four short updates, of a start or from nothing."""
    start = {"model": str(base)} if base else {"vocabulary": "extend"}
    tables: dict[str, Any] = {
        "name": "toy-f5",
        "family": "f5",
        "output": str(run),
        "seed": 5,
        "data": {"sources": [{"path": str(data)}], "validation": 2, "cache": str(data / "cache")},
        "start": start,
        "optim": {
            "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01, "clip": 1.0,
            "steps": 4, "warmup_steps": 2, "schedule": "linear",
        },
        "loop": {"batch_seconds": 6.0, "validate_every": 4, "ema_decay": 0.9, "workers": 1,
                 "samples": 1},
        "log": {"every": 1, "tensorboard": False},
    }  # fmt: skip
    if not base:
        tables["text"] = {"kind": "characters", "vocabulary": [" "], "normalise": False}
        tables["model"] = {
            "dim": 32, "depth": 2, "heads": 2, "head_dim": 16, "text_dim": 16, "text_layers": 1,
            "vocoder": "kathleen-pulse",
        }  # fmt: skip
    return tables


def write_recipe(file: Path, tables: dict[str, Any]) -> Path:
    file.write_text(config.dumps(tables), encoding="utf-8")
    return file
