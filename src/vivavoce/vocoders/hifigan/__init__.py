"""HiFi-GAN (Kong 2020): features or latents -> waveform through transposed convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.config import from_dict
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.hifigan import convert, workloads
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan

__all__ = ["Hifigan", "HifiganConfig", "build", "convert", "workloads"]


def build(manifest: Mapping[str, Any]) -> Hifigan:
    """From a stored model's tables `config` and `features` (the paper's mel when absent).

    Raises ConfigError.
    """
    features = manifest.get("features")
    return Hifigan(
        from_dict(HifiganConfig, manifest.get("config", {}), "config"),
        HIFIGAN_22K if features is None else from_dict(FeatureSpec, features, "features"),
    )
