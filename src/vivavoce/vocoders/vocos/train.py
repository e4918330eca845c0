"""Training Vocos: what the shared adversarial training needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.config import from_dict
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.adversarial.config import AdversarialLoss
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos


@dataclass(frozen=True, kw_only=True)
class VocosLoss(AdversarialLoss):
    """Hinge, and spectra at several resolutions; `PAPER` is the published training's."""

    segment_frames: int = 64
    gain_db: float = 6.0
    stft_weight: float = 1.0
    spectral_ffts: tuple[int, ...] = (512, 1024, 2048)


PAPER: Mapping[str, Any] = {
    "segment_frames": 64,
    "stft_weight": 0.0,
    "spectral_ffts": (),
    "mel_clamp": 1e-7,
    "discriminators": ("periods", "bands"),
    "discriminator_weights": (1.0, 0.1),
    "discriminator_ffts": (2048, 1024, 512),
    "match_scores": True,
    "skip_first_map": True,
}
"""The `loss` table of the published training; `recipes/vocos.toml` has it."""


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...] = ()) -> AdversarialTask:
    """The task of the recipe tables `model` (VocosConfig), `features` and `loss` (VocosLoss).

    Raises ConfigError for a key that none of them has. A vocoder has no speakers.
    """
    config = from_dict(VocosConfig, tables.get("model", {}), "model")
    spec = from_dict(FeatureSpec, tables.get("features", {}), "features")
    loss = from_dict(VocosLoss, tables.get("loss", {}), "loss")
    return AdversarialTask("vocos", config, Vocos(config, spec), loss)
