"""Importers of the vocoders in Coqui's checkpoints: all of them differ in names and sizes only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import features_from_coqui
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import fold_weight_norm
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint

_GENERATOR, _DISCRIMINATOR = "model_g.", "model_d."
_INNER = ("generator_model_params", "model_params", "model_args", "wavernn_model_params")
"""Where the settings of a generator lie; the last is what older files have."""

_ADVICE = "Use the config.json that came with the weights."

Named = dict[str, Tensor]
Sizes = Callable[[Named, Mapping[str, Any]], object]
"""Our tensors and Coqui's settings, the inner ones on top, to our configuration.

KeyError where a tensor is missing."""


def coqui_importer(
    kinds: tuple[str, ...],
    marks: set[str],
    rename: Callable[[Named], Named],
    sizes: Sizes,
    unused: Iterable[str] = (),
) -> Importer:
    """`kinds` are Coqui's words for the generator, `marks` names that tell its tensors.

    `rename` takes plain weights; `unused` names are left out, and the discriminator's.
    """
    unheard = set(unused)

    def recognises(names: Iterable[str]) -> bool:
        return marks <= {name.removeprefix(_GENERATOR) for name in names}

    def adapt(tensors: Mapping[str, Tensor]) -> tuple[Named, list[str]]:
        """Our names with weight norm folded, and the foreign keys left out."""
        kept: Named = {}
        dropped = []
        for key, value in tensors.items():
            name = key.removeprefix(_GENERATOR)
            if key.startswith(_DISCRIMINATOR) or name in unheard:
                dropped.append(key)
            else:
                kept[name] = value
        return rename(fold_weight_norm(kept)), dropped

    def tables(
        foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
    ) -> dict[str, dict[str, Any]]:
        """`config` and `features` of our manifest. Raises BadCheckpoint."""
        kind, audio = foreign.get("generator_model", kinds[0]), foreign.get("audio")
        if kind not in kinds:
            raise BadCheckpoint(
                f"The configuration is for a '{kind}', the weights are a '{kinds[0]}'.", _ADVICE
            )
        if not isinstance(audio, Mapping):
            raise BadCheckpoint("The configuration has no table 'audio'.", _ADVICE)
        inner = next((foreign[key] for key in _INNER if foreign.get(key)), {})
        try:
            config = sizes(adapt(tensors)[0], {**foreign, **inner})
        except KeyError as error:
            whole = "Take a checkpoint of all of it."
            raise BadCheckpoint(f"A part of the {kinds[0]} is missing: {error}.", whole) from error
        return {"config": to_dict(config), "features": to_dict(features_from_coqui(audio, stats))}

    return Importer(recognises=recognises, adapt=adapt, tables=tables)
