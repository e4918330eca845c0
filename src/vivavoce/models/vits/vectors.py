"""Speakers that are vectors in a file: Coqui's `speakers.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vivavoce.errors import BadCheckpoint

VECTORS = "speakers/vectors"
"""What the matrix of all speakers is called among a checkpoint's tensors."""

BELONGS = "Use the speakers.json that belongs to this checkpoint, or none."


def tensors_of(found: Mapping[str, Any]) -> dict[str, Tensor]:
    """`[N, D]`, a row per speaker in the order of `names_of`; nothing where the file has none.

    A speaker's row is the mean over their clips. Raises BadCheckpoint.
    """
    speakers = _speakers(found)
    if not speakers:
        return {}
    widths = {len(row) for rows in speakers.values() for row in rows}
    if len(widths) > 1:
        raise BadCheckpoint(f"speakers.json has vectors of {sorted(widths)} numbers.", BELONGS)
    matrix = torch.stack([torch.tensor(rows).float().mean(0) for rows in speakers.values()])
    if not bool(matrix.isfinite().all()):
        raise BadCheckpoint("speakers.json holds numbers that are not finite.", BELONGS)
    return {VECTORS: matrix}


def names_of(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The speakers' names without the blanks around them; a second one of a name is `NAME-2`."""
    names: list[str] = []
    for spelt in _speakers(found):
        bare = spelt.strip() or "speaker"
        count = 1
        while (name := bare if count == 1 else f"{bare}-{count}") in names:
            count += 1
        names.append(name)
    return tuple(names)


def _speakers(found: Mapping[str, Any]) -> dict[str, list[list[float]]]:
    """The vectors of each speaker's clips, sorted by name as Coqui numbers them."""
    text = found.get("speakers")
    if not text:
        return {}
    try:
        table = json.loads(text)
    except ValueError as error:
        raise BadCheckpoint(f"speakers.json is not valid JSON: {error}.", BELONGS) from error
    if not isinstance(table, dict):
        raise BadCheckpoint("speakers.json is not a JSON object.", BELONGS)
    if all(isinstance(row, int) for row in table.values()):
        return {}  # names and numbers of speakers whose vectors are in the weights
    speakers: dict[str, list[list[float]]] = {}
    try:
        for clip in table.values():
            row = [float(number) for number in clip["embedding"]]
            speakers.setdefault(str(clip["name"]), []).append(row)
    except (TypeError, KeyError, ValueError) as error:
        raise BadCheckpoint(
            f"speakers.json has a clip without a name and an embedding ({error!r:.80}).", BELONGS
        ) from error
    return dict(sorted(speakers.items()))
