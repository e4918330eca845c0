"""WavLM's own file -> a kNN-VC, which needs no other weights than its vocoder's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.wavlm_names import adapt_wavlm, is_wavlm, wavlm_sizes
from vivavoce.config import from_dict, to_dict
from vivavoce.converters.body import latent_spec
from vivavoce.converters.knnvc.config import KnnVcConfig
from vivavoce.nn.wavlm_config import HOP

LAYERS = 6
"""Behind so many layers the paper finds who speaks and what is said in balance."""


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a WavLM."""
    return is_wavlm(set(names))


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names; the layers behind the sixth are left out."""
    ours, dropped = adapt_wavlm(tensors, LAYERS)
    return {f"wavlm.{key}": tensor for key, tensor in ours.items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables. The vocoder is the catalogue's."""
    config = from_dict(KnnVcConfig, {"wavlm": wavlm_sizes(tensors, layers=LAYERS)})
    spec = latent_spec(config.wavlm.width, HOP, 16_000)
    return {"config": to_dict(config), "features": to_dict(spec)}


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables, config_needed=False)
