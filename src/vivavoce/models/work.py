"""Pieces of work that model families name: random tokens spoken by a model with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vivavoce.models.base import AcousticModel, sentences
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens, Workload

MakeModel = Callable[[torch.device, bool], AcousticModel[Any]]
"""A model with random weights on a device, at the official size if asked, else as a toy."""


def tokens(count: int, first: int = 3) -> Tokens:
    """So many symbols, a hundred different ones in turn, without words."""
    return Tokens(tuple(first + i % 100 for i in range(count)), (0,) * count)


def speaking(
    name: str, make: MakeModel, rows: int, count: int, options: object = None, fewer: int = 0
) -> Workload:
    """`rows` sentences of `count` symbols in the first voice, each of `fewer` than the last."""

    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        model = make(device, full)
        each = [tokens(max(1, count - fewer * row)) for row in range(rows)]
        asked = sentences(each, model.voice(), options or model.options_type())
        return lambda: list(model.generate(asked, Noise(0, range(rows))))

    return Workload(name, f"{rows} x {count} tokens", build)
