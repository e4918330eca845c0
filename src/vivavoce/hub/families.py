"""The families of models, vocoders and converters as one table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vivavoce.checkpoints.importer import Importer
from vivavoce.converters import CONVERTERS
from vivavoce.errors import UnknownModel, near_misses
from vivavoce.models import MODELS
from vivavoce.registry import Family, Registry
from vivavoce.vocoders import VOCODERS

# Beside the checkpoints of Coqui's families; they name them in their configuration.
_COQUI = ("speaker_ids.json", "speakers.json", "speakers.pth", "scale_stats.npy")


_TABLES: dict[str, Registry[Any]] = {
    "converter": CONVERTERS,  # before the models: one of them may lie in the same file
    "acoustic": MODELS,
    "vocoder": VOCODERS,
}


def names() -> tuple[str, ...]:
    return (*MODELS.names, *VOCODERS.names, *CONVERTERS.names)


def kind_of(name: str) -> str:
    """`acoustic`, `vocoder` or `converter`. Raises UnknownModel with near misses."""
    for kind, table in _TABLES.items():
        if name in table:
            return kind
    raise UnknownModel(f"There is no family '{name}'.", near_misses(name, names()))


def importer(name: str) -> Importer:
    """Raises UnknownModel."""
    family: Family[Any] = _TABLES[kind_of(name)].family(name)
    return family.importer


def recognise(tensors: Iterable[str]) -> str:
    """The family that has tensors of these names, or ""."""
    listed = tuple(tensors)
    return next((found for table in _TABLES.values() if (found := table.recognise(listed))), "")


def companion_patterns() -> tuple[str, ...]:
    """The names of the files that checkpoints of any family come with."""
    found = [c.pattern for name in names() for c in importer(name).companions.values()]
    return tuple(dict.fromkeys([*found, *_COQUI]))
