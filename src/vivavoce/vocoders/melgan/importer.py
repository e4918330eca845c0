"""Names of Coqui's MelGAN generators -> ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.checkpoints.remap import count, renamed
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.coqui import Named, coqui_importer
from vivavoce.vocoders.melgan.config import PQMF_TAPS, MelganConfig

_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_PARTS = (
    (r"^blocks\.(\d+)\.2\.", r"dilated.\1."),
    (r"^blocks\.(\d+)\.4\.", r"plain.\1."),
)
_SYNTHESIS = "pqmf_layer.G"


def _rename(tensors: Named) -> Named:
    """Layer 1 is the first; then come upsamplings and stacks, every third; then the last."""
    stages = sum(key.endswith(".shortcuts.0.bias") for key in tensors)
    ours: Named = {}
    for key, value in tensors.items():
        match = _LAYER.fullmatch(key)
        number, rest = (int(match[1]), match[2]) if match else (0, key)
        stage, part = divmod(number - 3, 3)
        if number == 1:
            name = f"first.{rest}"
        elif number == 3 * stages + 4:
            name = f"last.{rest}"
        elif number:
            inner = f"upsample.{rest}" if part == 0 else renamed(rest, _PARTS)
            name = f"stages.{stage}.{inner}"
        else:
            name = rest
        ours[name] = value
    if _SYNTHESIS in ours:  # mirrored, and the gain of the zeros between the sub-bands' steps
        filters = ours.pop(_SYNTHESIS)
        ours["synthesis.weight"] = filters.flip(-1).transpose(0, 1) * filters.shape[1]
    return ours


def _sizes(ours: Named, _: Mapping[str, Any]) -> MelganConfig:
    filters = ours.get("synthesis.weight")
    if filters is not None and filters.shape[2] != PQMF_TAPS:
        raise BadCheckpoint(
            f"The filter bank has {filters.shape[2]} taps.", f"Only {PQMF_TAPS} are supported."
        )
    stages = range(count(ours, "stages."))
    return MelganConfig(
        width=ours["first.bias"].shape[0],
        rates=tuple(ours[f"stages.{n}.upsample.weight"].shape[2] // 2 for n in stages),
        residuals=count(ours, "stages.0.shortcuts."),
        bands=ours["last.bias"].shape[0],
    )


IMPORTER = coqui_importer(
    kinds=("melgan_generator", "fullband_melgan_generator", "multiband_melgan_generator"),
    marks={"layers.1.bias", "layers.4.shortcuts.0.bias"},
    rename=_rename,
    sizes=_sizes,
    unused=("pqmf_layer.H", "pqmf_layer.updown_filter"),  # of the analysis, for training
)
