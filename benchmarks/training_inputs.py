"""What the benchmarks of training train: models of random weights at full size, clips of noise.

Everything is written into a folder once and kept for the next run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import xtts_checkpoint
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.checkpoints import safetensors_file, store
from vivavoce.config import to_dict
from vivavoce.hub import library
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.xtts.dvae import Dvae, DvaeConfig

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
LETTERS = " abcdefghijklmnopqrstuvwxyz."
F5_DEPTH, XTTS_DEPTH = 22, 30
MANIFEST = "model.toml"
F5_TOKENS = 2545
"""In the vocabulary of the published F5."""
WORDS = "the birch canoe slid on the smooth planks and so it went on"
LETTERS_PER_SECOND = 14


def clips(folder: Path, seconds: Sequence[float], rate: int = 24_000) -> Path:
    """An LJSpeech-style folder of clips of noise, with as many letters as speech would have."""
    wavs = folder / "wavs"
    wavs.mkdir(parents=True, exist_ok=True)
    rng, lines = np.random.default_rng(0), []
    for i, length in enumerate(seconds):
        letters = round(LETTERS_PER_SECOND * length)
        text = (WORDS + " ") * (2 + letters // len(WORDS))
        noise = 0.05 * rng.standard_normal(round(length * rate)).astype(np.float32)
        soundfile.write(wavs / f"clip{i:03d}.wav", noise, rate)
        lines.append(f"clip{i:03d}|{text[i : i + letters].strip()}.")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def f5_base(folder: Path, depth: int = F5_DEPTH) -> Path:
    """F5-TTS v1 Base, 337 million weights at its own depth, nothing of it left at zero."""
    if not (folder / MANIFEST).is_file():
        _write_f5(folder, depth)
    return folder


def _write_f5(folder: Path, depth: int) -> None:
    torch.manual_seed(1)
    others = (chr(0x4E00 + i) for i in range(F5_TOKENS - len(LETTERS)))
    text = F5TextConfig((*LETTERS, *others), "characters", normalise=False)
    model = F5TTS(F5Config(depth=depth), VOCOS_24K, text)
    for name, parameter in model.named_parameters():
        if any(part in name for part in ("modulation", ".output.", ".response.")):
            torch.nn.init.normal_(parameter, 0.0, 0.02)
    manifest = {
        "kind": "acoustic",
        "family": "f5",
        "name": folder.name,
        "licence": "none",
        "config": to_dict(model.config),
        "features": to_dict(model.spec),
        "text": to_dict(model.text),
        "variant": {"name": "v1", "reason": "it is made so"},
    }
    store.save(folder, manifest, model.state_dict())


def xtts_base(folder: Path, depth: int = XTTS_DEPTH) -> Path:
    """XTTS v2, 518 million weights at its own depth, as `models import` leaves it; beside it, in
    `FOLDER-published`, as it is published.
    """
    if not (folder / MANIFEST).is_file():
        sizes = replace(xtts_checkpoint.FULL, depth=depth)
        stored = library.open_model(str(xtts_checkpoint.write(published(folder), sizes)))
        store.save(folder, stored.manifest, stored.tensors)
    return folder


def published(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-published")


def dvae(file: Path) -> Path:
    """A discrete VAE of random weights in XTTS v2's sizes."""
    if not file.is_file():
        torch.manual_seed(2)
        safetensors_file.save(file, Dvae(DvaeConfig()).state_dict())
    return file
