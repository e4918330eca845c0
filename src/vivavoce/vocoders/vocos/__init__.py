"""Vocos (Siuzdak 2023): features -> waveform through one inverse Fourier transform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.config import from_dict
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.vocos import convert, workloads
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos

__all__ = ["Vocos", "VocosConfig", "build", "convert", "workloads"]


def build(manifest: Mapping[str, Any]) -> Vocos:
    """From a stored model's tables `config` and `features`. Raises ConfigError."""
    return Vocos(
        from_dict(VocosConfig, manifest.get("config", {}), "config"),
        from_dict(FeatureSpec, manifest.get("features", {}), "features"),
    )
