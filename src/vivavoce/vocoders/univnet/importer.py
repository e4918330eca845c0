"""Names of Coqui's UnivNet generators -> ours. Pure; knows no files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import fold_weight_norm
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.coqui import bare, coqui_tables, generator_of
from vivavoce.vocoders.univnet.config import UnivnetConfig

_KINDS = ("univnet_generator",)
_RESIDUAL = (1, 3, 6, 8, 11, 13)  # between them lie dropout and rectifiers
_RENAMES = (
    (r"^first_conv\.", "first."),
    (r"^last_conv_layers\.0\.", "last."),
    (r"^lvc_blocks\.(\d+)\.", r"stages.\1."),
    (r"\.convs\.(\d+)\.", r".layers.\1."),
    (r"\.kernel_predictor\.input_conv\.0\.", ".predictor.first."),
    (r"\.kernel_predictor\.kernel_conv\.", ".predictor.kernels."),
    (r"\.kernel_predictor\.bias_conv\.", ".predictor.biases."),
    *(
        (rf"\.kernel_predictor\.residual_conv\.{theirs}\.", f".predictor.residual.{ours}.")
        for ours, theirs in enumerate(_RESIDUAL)
    ),
)


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are Coqui's UnivNet generator."""
    return {"first_conv.bias", "lvc_blocks.0.upsample.bias"} <= bare(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded, and the foreign keys left out: the discriminator's."""
    kept, dropped = generator_of(tensors)
    return {_renamed(key): value for key, value in fold_weight_norm(kept).items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, dict[str, Any]]:
    """Our manifest's tables; the sizes are read off the weights.

    Raises BadCheckpoint for another generator's configuration, and for half a checkpoint.
    """
    ours, _ = adapt(tensors)
    try:
        first, layer = ours["first.weight"].shape, ours["stages.0.layers.0.weight"].shape
        wide = ours["stages.0.predictor.first.weight"].shape[0]
        stages = len([key for key in ours if re.fullmatch(r"stages\.\d+\.upsample\.bias", key)])
        rates = [ours[f"stages.{n}.upsample.weight"].shape[2] // 2 for n in range(stages)]
    except KeyError as error:
        raise BadCheckpoint(
            f"A part of the UnivNet is missing: {error}.", "Take a checkpoint of all of it."
        ) from error
    config = UnivnetConfig(
        noise=first[1],
        width=first[0],
        rates=tuple(rates),
        layers=len([k for k in ours if re.fullmatch(r"stages\.0\.layers\.\d+\.bias", k)]),
        kernel=layer[2],
        kernel_width=wide,
    )
    return coqui_tables(foreign, _KINDS, config, stats)


def _renamed(key: str) -> str:
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return key


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
