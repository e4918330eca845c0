"""Honest folders that hostile files are put into, or made from by mutation."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as as_safetensors

from tests import tiny
from tests.hub import test_import as glow_files
from tests.models.f5 import official as f5_files
from tests.models.xtts.official import write_official
from vivavoce import config
from vivavoce.checkpoints import store
from vivavoce.config import to_dict
from vivavoce.hub import voice_file
from vivavoce.models.glow.config import GlowConfig
from vivavoce.models.glow.model import GlowTTS
from vivavoce.train import checkpoint as states
from vivavoce.types import FeatureSpec, Voice


def glow(folder: Path) -> None:
    """Coqui's GlowTTS with its statistics and speakers."""
    torch.manual_seed(5)
    sizes = {"encoder_width": 16, "encoder_layers": 1, "encoder_ffn": 16, "duration_width": 16}
    sizes |= {"decoder_width": 12, "n_flows": 2, "flow_layers": 2}
    shape = GlowConfig(n_tokens=31, n_speakers=2, speaker_width=16, **sizes)
    model = GlowTTS(shape, FeatureSpec(n_mels=80))
    (folder / "config.json").write_text(json.dumps(glow_files.CONFIG))
    torch.save({"model": glow_files.as_coqui(model), "step": 3}, folder / "model_file.pth")
    np.save(folder / "scale_stats.npy", statistics(), allow_pickle=True)
    (folder / "speaker_ids.json").write_text(json.dumps({"p226": 1, "p225": 0}))


def statistics() -> dict[str, Any]:
    return {"mel_mean": np.full(80, -40.0), "mel_std": np.full(80, 20.0)}


def f5(folder: Path) -> None:
    """An F5-TTS with its vocabulary."""
    (folder / "model.safetensors").write_bytes(as_safetensors(f5_files.saved(f5_files.dit())))
    (folder / "vocab.txt").write_text(f5_files.VOCABULARY)


def xtts(folder: Path) -> None:
    """Coqui's XTTS: a pickle, speakers, statistics, a vocabulary."""
    write_official(folder)


def vocos(folder: Path) -> None:
    """The official Vocos: a pickle and YAML."""
    vocoder = tiny.tiny_vocoder()
    renames = {"depthwise": "dwconv", "expand": "pwconv1", "contract": "pwconv2", "scale": "gamma"}
    tensors = {}
    for name, tensor in vocoder.state_dict().items():
        for ours, theirs in renames.items():
            name = name.replace(f".{ours}", f".{theirs}")
        name = name.replace("backbone.blocks", "backbone.convnext")
        name = name.replace("final_norm", "final_layer_norm").replace("head.", "head.out.")
        tensors[name] = tensor
    torch.save(tensors, folder / "pytorch_model.bin")
    mel = "{sample_rate: 24000, n_fft: 1024, hop_length: 256, n_mels: 100, padding: center}"
    (folder / "config.yaml").write_text(
        f"feature_extractor:\n  class_path: a.B\n  init_args: {mel}\n"
        "backbone:\n  init_args: {dim: 32, intermediate_dim: 48, num_layers: 2}\n"
        "head:\n  init_args: {dim: 32, n_fft: 1024, hop_length: 256, padding: center}\n"
    )


def stored(folder: Path) -> None:
    """A model of ours."""
    tiny.tiny_folders(folder)


def voice(folder: Path) -> None:
    tensors = {"samples": torch.zeros(2400), "rms": torch.tensor(0.05)}
    words = Voice(name="a", family="f5", tensors=tensors, transcript="Some words.")
    voice_file.save(folder / "voice.safetensors", words)


def state(folder: Path) -> None:
    """Two checkpoints of a run, at steps 3 and 5."""
    for step in (3, 5):
        plain = {"epoch": 1, "speakers": ["a"], "order": list(range(20))}
        states.save(folder, step, {"a": torch.arange(6.0), "b/step": torch.tensor(step)}, plain)


def recipe(folder: Path) -> None:
    root = Path(__file__).parents[2] / "recipes"
    (folder / "recipe.toml").write_bytes(min(root.glob("*.toml")).read_bytes())


def legacy(folder: Path) -> None:
    """Checkpoints by themselves: in PyTorch's two formats, and a table of speakers."""
    value = {"model": {"a.weight": torch.ones(3, 4), "b": torch.arange(5)}, "config": {"x": [1]}}
    torch.save(value, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(value, folder / "new.pth")
    speakers = {"Ana": {"embedding": np.ones(4), "latent": [[1.0, 2.0]]}, "note": "text"}
    torch.save(speakers, folder / "speakers.pth")


FOLDERS: dict[str, Callable[[Path], None]] = {
    "glow": glow,
    "f5": f5,
    "xtts": xtts,
    "vocos": vocos,
    "stored": stored,
    "voice": voice,
    "state": state,
    "recipe": recipe,
    "legacy": legacy,
}


def write_all(root: Path) -> None:
    for name, write in FOLDERS.items():
        (root / name).mkdir(parents=True)
        write(root / name)
        if name in ("glow", "f5", "xtts", "vocos"):
            (root / name / "family").write_text(name)


def npy(value: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=True)
    return stream.getvalue()


def pth(value: Any, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def manifest(**tables: Any) -> bytes:
    """`model.toml` of the stored model with other values in it."""
    model = tiny.tiny_model()
    whole: dict[str, Any] = {
        "kind": "acoustic",
        "family": "glow",
        "name": "tiny",
        "format": store.FORMAT,
        "config": to_dict(model.config),
        "features": to_dict(model.spec),
        "text": to_dict(model.text),
        "speakers": [],
        "weights": {"parameters": 1},
    }
    return config.dumps(whole | tables).encode()
