"""How much memory a server may fill, and how many sentences fit into it side by side."""

from __future__ import annotations

from vivavoce.errors import UnsupportedDevice
from vivavoce.runtime.memory import memory
from vivavoce.runtime.select import select
from vivavoce.serve.config import ServeConfig

SHARE = 0.8
"""Of what is free at start; the rest is other programs'."""


def most_memory(config: ServeConfig) -> int:
    """Bytes, where the models run; 0 where nobody knows what is free.

    A device that is not there is the business of whoever loads a model.
    """
    if config.max_memory:
        return config.max_memory
    try:
        found = memory(select(config.device).device)
    except UnsupportedDevice:
        return 0
    return 0 if found.free is None else (found.used or 0) + int(SHARE * found.free)


def rows_that_fit(asked: int, most: int, used: int, row_bytes: int) -> int:
    """Sentences side by side: as many as were asked for, unless the memory that is left decides.

    There is always one. `used` is held already, `row_bytes` are taken by each (0: little).
    """
    if not most or not row_bytes:
        return asked
    return max(1, min(asked, (most - used) // row_bytes))
