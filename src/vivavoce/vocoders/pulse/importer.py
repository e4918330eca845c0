"""The vocoder's own layout, recognised by its names; nobody else makes files of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from torch import Tensor

from vivavoce.checkpoints.importer import Importer
from vivavoce.errors import BadCheckpoint


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a pulse-and-noise vocoder of ours."""
    return {"pitch_head.weight", "backbone.embed.weight", "head.weight"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The same names; nothing is left out."""
    return dict(tensors), []


def tables(foreign: Mapping[str, Any], tensors: Any = None, stats: Any = None) -> NoReturn:
    """Raises BadCheckpoint: sizes and features are in the `model.toml` beside the weights."""
    raise BadCheckpoint(
        "The weights of a pulse vocoder do not state their features.",
        "Give the model folder with its model.toml instead of the weights alone.",
    )


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
