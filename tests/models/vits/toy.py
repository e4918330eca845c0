"""A VITS too small to be understood, whole: model, vocoder, and as a stored folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vivavoce.checkpoints import store
from vivavoce.config import to_dict
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.text import PiperText, TextConfig
from vivavoce.models.vits.workloads import TOY, steady
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan

LETTERS = " abcdefghijklmnopqrstuvwxyz,.?!"
PIPER = PiperText(
    phoneme_type="text",
    ids={"_": (0,), "^": (1,), "$": (2,)} | {c: (3 + n,) for n, c in enumerate(LETTERS)},
)
DECODER = HifiganConfig(
    width=16,
    rates=(4, 4),
    kernels=(8, 8),
    block=2,
    block_kernels=(3, 5),
    block_dilations=((1, 2), (2, 6)),
    output_bias=False,
)
CONFIG = replace(TOY, n_tokens=3 + len(LETTERS))
TRAINED = replace(CONFIG, posterior=True, variational_durations=True, n_bins=9)


def spec_of(config: VitsConfig, decoder: HifiganConfig = DECODER) -> FeatureSpec:
    return FeatureSpec(
        kind="latent",
        sample_rate=4000,
        hop_length=decoder.hop_length,
        n_mels=config.latent_width,
    )


def toy(
    config: VitsConfig = CONFIG, languages: tuple[str, ...] = (), names: tuple[str, ...] = ()
) -> tuple[VitsTTS, Hifigan]:
    torch.manual_seed(0)
    text = TextConfig(kind="piper", language="xx", piper=PIPER)
    model = VitsTTS(config, spec_of(config), text, names, languages)
    for name, parameter in model.named_parameters():
        if ".end." in name or ".affine." in name:
            torch.nn.init.normal_(parameter, 0.0, 0.05)
    steady(model)
    decoder = replace(DECODER, condition_dim=config.speaker_width)
    vocoder = Hifigan(decoder, spec_of(config)).eval().requires_grad_(False)
    vocoder.last.weight -= vocoder.last.weight.mean(2, keepdim=True)  # no constant offset
    return model.freeze(), vocoder


def manifest_of(model: VitsTTS, vocoder: Hifigan, name: str = "toy") -> dict[str, Any]:
    features = to_dict(model.spec)
    return {
        "kind": "acoustic",
        "family": "vits",
        "name": name,
        "config": to_dict(model.config),
        "features": features,
        "text": to_dict(model.text_rules.config),
        "vocoder": {"family": "hifigan", "config": to_dict(vocoder.config), "features": features},
        "speakers": list(model.speaker_names),
        "languages": list(model.languages),
    }


def stored(folder: Path, model: VitsTTS, vocoder: Hifigan) -> Path:
    tensors = dict(model.state_dict())
    tensors |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    store.save(folder, manifest_of(model, vocoder, folder.name), tensors)
    return folder
