"""The modules in a model folder: the model, and the vocoder that some models bring along.

Such a model's manifest has a table `vocoder` instead of a name; the vocoder's tensors lie beside
the model's, under their prefix. Knows no family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from vivavoce.checkpoints.remap import strict_load, under, without_numbers
from vivavoce.limits import guard
from vivavoce.models import MODELS
from vivavoce.vocoders import VOCODERS

PREFIX = "vocoder."


def own_vocoder(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest of the vocoder that a model brings along, under the model's name."""
    table = manifest.get("vocoder")
    if not isinstance(table, dict):
        return None
    return {"kind": "vocoder", "name": manifest.get("name", ""), **table}


def apart(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The model's own tensors, and those of the vocoder it brings along (none for most)."""
    if own_vocoder(manifest) is None:
        return dict(tensors), {}
    its = under(tensors, PREFIX)
    return {k: v for k, v in tensors.items() if not k.startswith(PREFIX)}, its


def build(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """One module with its tensors in it, not copied where they fit. Raises BadCheckpoint."""
    table = VOCODERS if manifest["kind"] == "vocoder" else MODELS
    with guard(f"The manifest of '{manifest.get('name', '')}'"), without_numbers(len(tensors)):
        module = table.family(manifest["family"]).model.build(manifest)
    strict_load(module, tensors)
    return module


def checked(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Everything there is to store, once every part has taken its tensors. Raises BadCheckpoint."""
    mine, its = apart(manifest, tensors)
    stored = _state(build(manifest, mine))
    if (vocoder := own_vocoder(manifest)) is not None:
        stored |= {f"{PREFIX}{k}": v for k, v in _state(build(vocoder, its)).items()}
    return stored


def _state(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.state_dict())
