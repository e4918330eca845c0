"""The families of models and vocoders as one table, for whoever does not know which it needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vivavoce.checkpoints.importer import Importer
from vivavoce.errors import UnknownModel, near_misses
from vivavoce.models import MODELS
from vivavoce.registry import Family
from vivavoce.vocoders import VOCODERS

# Beside the checkpoints of Coqui's families; they name them in their configuration.
_COQUI = ("speaker_ids.json", "speakers.json", "speakers.pth", "scale_stats.npy")


def names() -> tuple[str, ...]:
    return (*MODELS.names, *VOCODERS.names)


def kind_of(name: str) -> str:
    """`acoustic` or `vocoder`. Raises UnknownModel with near misses."""
    if name in MODELS:
        return "acoustic"
    if name in VOCODERS:
        return "vocoder"
    raise UnknownModel(f"There is no family '{name}'.", near_misses(name, names()))


def importer(name: str) -> Importer:
    """Raises UnknownModel."""
    family: Family[Any] = (MODELS if kind_of(name) == "acoustic" else VOCODERS).family(name)
    return family.importer


def recognise(tensors: Iterable[str]) -> str:
    """The family that has tensors of these names, or ""."""
    listed = tuple(tensors)
    return MODELS.recognise(listed) or VOCODERS.recognise(listed)


def companion_patterns() -> tuple[str, ...]:
    """The names of the files that checkpoints of any family come with."""
    found = [c.pattern for name in names() for c in importer(name).companions.values()]
    return tuple(dict.fromkeys([*found, *_COQUI]))
