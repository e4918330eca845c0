"""There is nothing to import: Griffin-Lim has no weights."""

from __future__ import annotations

from typing import NoReturn

from vivavoce.checkpoints.importer import Importer
from vivavoce.errors import BadCheckpoint


def _refuse(*_: object) -> NoReturn:
    raise BadCheckpoint(
        "Griffin-Lim has no weights to import.", "Choose it with --vocoder griffin-lim."
    )


IMPORTER = Importer(
    recognises=lambda _: False, adapt=lambda tensors: (dict(tensors), []), tables=_refuse
)
