"""Models and vocoders that were published as pairs although their features differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.checkpoints import store
from vivavoce.config import from_dict
from vivavoce.hub import catalog
from vivavoce.hub.resolve import resolve
from vivavoce.types import FeatureSpec


def as_published(model: str, vocoder: str) -> bool:
    """Whether the catalogue says that a model's maker runs it with just this vocoder."""
    return bool(vocoder) and _vocoder_of(model) == vocoder


def remark(manifest: Mapping[str, Any]) -> str:
    """How a stored model's features differ from its published vocoder's, where that is here too."""
    vocoder = _vocoder_of(str(manifest.get("name", "")))
    folder = resolve(vocoder, "vocoder").folder if vocoder else None
    features = store.read_manifest(folder).get("features") if folder else None
    if features is None:
        return ""
    mine, theirs = (from_dict(FeatureSpec, one) for one in (manifest["features"], features))
    found = {k: v for k, v in mine.differences(theirs).items() if k != "normalisation"}
    rows = ", ".join(f"{name}: {a} against {b}" for name, (a, b) in found.items())
    both = f"Its features differ from its vocoder's ({rows}); both are used as published."
    return both if found else ""


def _vocoder_of(model: str) -> str:
    entries = (entry for entry in catalog.entries() if entry.name == model and entry.as_published)
    return next((entry.vocoder for entry in entries), "")
