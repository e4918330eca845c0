"""What Coqui's checkpoints of vocoders have in common: their prefixes and their `audio` table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import features_from_coqui
from vivavoce.checkpoints.importer import Stats
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint

_GENERATOR, _DISCRIMINATOR = "model_g.", "model_d."


def bare(names: Iterable[str]) -> set[str]:
    """Names of tensors without the generator's prefix."""
    return {name.removeprefix(_GENERATOR) for name in names}


def generator_of(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The generator's tensors without their prefix, and the names left out: the discriminator's."""
    dropped = [key for key in tensors if key.startswith(_DISCRIMINATOR)]
    kept = {k.removeprefix(_GENERATOR): v for k, v in tensors.items() if k not in set(dropped)}
    return kept, dropped


def coqui_tables(
    foreign: Mapping[str, Any], kinds: tuple[str, ...], config: object, stats: Stats | None
) -> dict[str, dict[str, Any]]:
    """`config` and `features` of our model folder, from a Coqui `config.json` and our sizes.

    Raises BadCheckpoint for a generator that is none of `kinds`, and where the `audio` table is
    missing or names statistics that are not there.
    """
    kind = foreign.get("generator_model", foreign.get("model", kinds[0]))
    if kind not in kinds:
        raise BadCheckpoint(
            f"The configuration is of a '{kind}', the weights are of a '{kinds[0]}'.",
            "Take the config.json that came with the weights.",
        )
    audio = foreign.get("audio")
    if not isinstance(audio, Mapping):
        raise BadCheckpoint(
            "The configuration has no table 'audio', which says what the features mean.",
            "Take the config.json that came with the weights.",
        )
    return {"config": to_dict(config), "features": to_dict(features_from_coqui(audio, stats))}
