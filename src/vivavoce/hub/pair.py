"""A model's name -> the model and the vocoder that it speaks with, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.hub import build, library
from vivavoce.hub.fetch import Given
from vivavoce.hub.lora import Adapter
from vivavoce.hub.read import Stored


def open_pair(
    model: str,
    vocoder: str = "",
    given: Given | None = None,
    adapters: Sequence[Adapter] = (),
) -> tuple[Stored, Stored]:
    """The model, and the vocoder that is asked for, brought along, or named. Raises as
    `library.open_model`.
    """
    own, its = build.split(library.open_model(model, "acoustic", given, adapters))
    if its is None or vocoder:
        named = vocoder or build.named_vocoder(own) or library.default_vocoder(own.manifest["name"])
        its = library.open_model(named, "vocoder")
    return own, its
