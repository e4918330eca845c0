"""BigVGAN (Lee 2023): features -> waveform through convolutions and periodic activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.config import from_dict
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.bigvgan import convert, workloads
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan

__all__ = ["Bigvgan", "BigvganConfig", "build", "convert", "workloads"]


def build(manifest: Mapping[str, Any]) -> Bigvgan:
    """From a stored model's tables `config` and `features` (the 24 kHz mel when absent).

    Raises ConfigError.
    """
    features = manifest.get("features")
    return Bigvgan(
        from_dict(BigvganConfig, manifest.get("config", {}), "config"),
        BIGVGAN_24K if features is None else from_dict(FeatureSpec, features, "features"),
    )
