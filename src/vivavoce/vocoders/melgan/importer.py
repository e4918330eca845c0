"""Names of Coqui's MelGAN generators -> ours. Pure; knows no files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import fold_weight_norm
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.coqui import bare, coqui_tables, generator_of
from vivavoce.vocoders.melgan.config import PQMF_TAPS, MelganConfig

_KINDS = tuple(f"{kind}melgan_generator" for kind in ("", "fullband_", "multiband_"))
_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_PARTS = (
    (r"^blocks\.(\d+)\.2\.", r"dilated.\1."),
    (r"^blocks\.(\d+)\.4\.", r"plain.\1."),
)
# Synthesis is one transposed convolution here; the analysis half serves training.
_SYNTHESIS = "pqmf_layer.G"
_DROPPED = {"pqmf_layer.H", "pqmf_layer.updown_filter"}


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a MelGAN generator."""
    return {"layers.1.bias", "layers.4.shortcuts.0.bias"} <= bare(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded, and the foreign keys left out.

    Those are the discriminator's, and of the filter bank what synthesis does not need.
    """
    kept, dropped = generator_of(tensors)
    folded = fold_weight_norm({k: v for k, v in kept.items() if k not in _DROPPED})
    last = _stages(folded)
    ours = {_renamed(key, last): value for key, value in folded.items()}
    if _SYNTHESIS in ours:  # mirrored, and the gain of the zeros between the sub-bands' steps
        filters = ours.pop(_SYNTHESIS)
        ours["synthesis.weight"] = filters.flip(-1).transpose(0, 1) * filters.shape[1]
    return ours, dropped + [key for key in kept if key in _DROPPED]


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, dict[str, Any]]:
    """Our manifest's tables; the sizes are read off the weights.

    Raises BadCheckpoint for another generator's configuration, and for half a checkpoint.
    """
    kept, _ = generator_of(tensors)
    return coqui_tables(foreign, _KINDS, config_from_tensors(kept), stats)


def config_from_tensors(tensors: Mapping[str, Tensor]) -> MelganConfig:
    """The sizes of a generator under Coqui's names. Raises BadCheckpoint for half of one."""
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    stages = _stages(shapes)
    kernels = [_longest(shapes, f"layers.{3 * n + 3}.") for n in range(stages)]
    last = f"layers.{3 * stages + 4}.bias"
    if not stages or 0 in kernels or last not in shapes or "layers.1.bias" not in shapes:
        raise BadCheckpoint("A part of the MelGAN is missing.", "Take a checkpoint of all of it.")
    if shapes.get(_SYNTHESIS, (0, 0, PQMF_TAPS))[2] != PQMF_TAPS:
        raise BadCheckpoint(
            f"The filter bank has {shapes[_SYNTHESIS][2]} taps.", f"Only {PQMF_TAPS} are known."
        )
    return MelganConfig(
        width=shapes["layers.1.bias"][0],
        rates=tuple(kernel // 2 for kernel in kernels),
        residuals=sum(bool(re.fullmatch(r"layers\.4\.shortcuts\.\d+\.bias", k)) for k in shapes),
        bands=shapes[last][0],
    )


def _stages(names: Iterable[str]) -> int:
    found = [re.fullmatch(r"layers\.(\d+)\.shortcuts\.0\.bias", name) for name in names]
    return sum(match is not None for match in found)


def _longest(shapes: Mapping[str, Any], prefix: str) -> int:
    """The kernel of a convolution, whichever way its weight is stored."""
    found = [shape for name, shape in shapes.items() if name.startswith(prefix)]
    return max((shape[2] for shape in found if len(shape) == 3), default=0)


def _renamed(key: str, stages: int) -> str:
    match = _LAYER.fullmatch(key)
    if match is None:
        return key
    number, rest = int(match[1]), match[2]
    if number == 1:
        return f"first.{rest}"
    if number == 3 * stages + 4:
        return f"last.{rest}"
    stage, part = divmod(number - 3, 3)
    if part == 0:
        return f"stages.{stage}.upsample.{rest}"
    for pattern, replacement in _PARTS:
        rest = re.sub(pattern, replacement, rest)
    return f"stages.{stage}.{rest}"


IMPORTER = Importer(
    recognises=recognises, adapt=adapt, tables=tables, config_from_tensors=config_from_tensors
)
