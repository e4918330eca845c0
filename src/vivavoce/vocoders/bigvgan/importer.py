"""Names and configurations of published BigVGAN generators -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.stages import staged

_RENAMES = (
    (r"^conv_pre\.", "first."),
    (r"^conv_post\.", "last."),
    (r"^activation_post\.act\.", "activation."),
    (r"^ups\.(\d+)\.0\.", r"stages.\1.upsample."),
    (r"\.convs1?\.(\d+)\.", r".dilated.\1."),
    (r"\.convs2\.(\d+)\.", r".plain.\1."),
    (r"\.activations\.(\d+)\.act\.", r".activations.\1."),
)
# The low-pass filters, which we make ourselves.
_DROPPED = re.compile(r"(^|\.)(upsample|downsample\.lowpass)\.filter$")


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a BigVGAN generator."""
    return {"activation_post.act.alpha", "ups.0.0.bias"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded, and the foreign keys left out: the filters'.

    Takes a published generator (`generator` in the file) in any spelling of weight norm.
    """
    dropped = [key for key in tensors if _DROPPED.search(key)]
    return staged({k: v for k, v in tensors.items() if k not in set(dropped)}, _RENAMES), dropped


# The publication's key -> ours.
_KEYS = {
    "upsample_rates": "rates",
    "upsample_kernel_sizes": "kernels",
    "upsample_initial_channel": "width",
    "resblock_kernel_sizes": "block_kernels",
    "resblock_dilation_sizes": "block_dilations",
    "activation": "activation",
    "snake_logscale": "log_scale",
}
_FEATURES = {
    "sampling_rate": "sample_rate",
    "n_fft": "n_fft",
    "win_size": "win_length",
    "hop_size": "hop_length",
    "num_mels": "n_mels",
    "fmin": "f_min",
    "fmax": "f_max",
}


def tables(
    foreign: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
    stats: Stats | None = None,
) -> dict[str, dict[str, Any]]:
    """`config` and `features` of our model folder, from the publication's `config.json`.

    Does not look at the weights. Absent keys of the front end are those of the 24 kHz model.
    Raises BadCheckpoint for statistics, and for a configuration that is not a BigVGAN's.
    """
    if stats is not None:
        raise BadCheckpoint(
            "BigVGAN needs no statistics file, but the configuration names one.",
            "Use the configuration that belongs to this checkpoint.",
        )
    missing = [key for key in _KEYS if key not in foreign]
    if missing:
        raise BadCheckpoint(
            f"This configuration is not a BigVGAN's: it has no '{missing[0]}'.",
            "Use the config.json that came with the weights.",
        )
    kind, block = foreign["activation"], str(foreign.get("resblock", 1))
    if kind not in ("snake", "snakebeta") or block not in ("1", "2"):
        raise BadCheckpoint(
            f"BigVGAN with the activation '{kind}' and blocks of type '{block}' is unknown.",
            "Activations are 'snake' and 'snakebeta', types are 1 and 2.",
        )
    table: dict[str, Any] = {ours: foreign[theirs] for theirs, ours in _KEYS.items()}
    table["block"] = int(block)
    table["output_bias"] = foreign.get("use_bias_at_final", True)
    table["last"] = "tanh" if foreign.get("use_tanh_at_final", True) else "clamp"
    return {
        "config": to_dict(from_dict(BigvganConfig, table, "config")),
        "features": to_dict(_features(foreign)),
    }


def _features(foreign: Mapping[str, Any]) -> FeatureSpec:
    found = {ours: foreign[theirs] for theirs, ours in _FEATURES.items() if theirs in foreign}
    for key in ("f_min", "f_max"):
        if found.get(key) is not None:
            found[key] = float(found[key])
    return replace(BIGVGAN_24K, **found)


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
