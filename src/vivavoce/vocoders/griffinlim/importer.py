"""There is nothing to import: Griffin-Lim has no weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from torch import Tensor

from vivavoce.checkpoints.importer import Importer
from vivavoce.errors import BadCheckpoint


def recognises(names: Iterable[str]) -> bool:
    """Never: no checkpoint holds a Griffin-Lim."""
    return False


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The same names; nothing is left out."""
    return dict(tensors), []


def tables(foreign: Mapping[str, Any], tensors: Any = None, stats: Any = None) -> NoReturn:
    """Raises BadCheckpoint."""
    raise BadCheckpoint(
        "Griffin-Lim has no weights to import.", "Choose it with --vocoder griffin-lim."
    )


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
