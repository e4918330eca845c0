"""Names and configurations of published HiFi-GAN generators -> ours. Pure; knows no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import Stats, features_from_coqui
from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.stages import staged

_GENERATOR, _DISCRIMINATOR = "model_g.", "model_d."
_RENAMES = (
    (r"^conv_pre\.", "first."),
    (r"^conv_post\.", "last."),
    (r"^cond_layer\.", "condition."),
    (r"^ups\.(\d+)\.", r"stages.\1.upsample."),
    (r"^conds\.(\d+)\.", r"stages.\1.condition."),
    (r"\.convs1?\.(\d+)\.", r".dilated.\1."),
    (r"\.convs2\.(\d+)\.", r".plain.\1."),
)


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a HiFi-GAN generator, with or without its prefix."""
    short = {name.removeprefix(_GENERATOR) for name in names}
    return "conv_post.bias" in short and "ups.0.bias" in short


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded, and the foreign keys left out: the discriminator's.

    Takes the published generator, Coqui's `model_g.*` with `model_d.*`, and the decoders inside
    XTTS and VITS once their prefix is off.
    """
    dropped = [key for key in tensors if key.startswith(_DISCRIMINATOR)]
    kept = {k.removeprefix(_GENERATOR): v for k, v in tensors.items() if k not in set(dropped)}
    return staged(kept, _RENAMES), dropped


# Foreign key -> ours: the publication's `config.json`, then Coqui's `generator_model_params`.
_KEYS = {
    "upsample_rates": "rates",
    "upsample_factors": "rates",
    "upsample_kernel_sizes": "kernels",
    "upsample_initial_channel": "width",
    "resblock_kernel_sizes": "block_kernels",
    "resblock_dilation_sizes": "block_dilations",
}
COQUI_EDGE_FRAMES = 5


def tables(
    foreign: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
    stats: Stats | None = None,
) -> dict[str, dict[str, Any]]:
    """`config` and `features` of our model folder, from the publication's or Coqui's `config.json`.

    `stats` are the statistics that Coqui's `audio` table names; the weights are not looked at.
    Raises BadCheckpoint when it names some and none are given, and for Coqui's other vocoders.
    """
    kind = foreign.get("generator_model", "hifigan_generator")
    if kind != "hifigan_generator":
        raise BadCheckpoint(
            f"This vocoder is a '{kind}', not a HiFi-GAN.",
            "Only Coqui's 'hifigan_generator' is implemented.",
        )
    coqui = "generator_model_params" in foreign
    sizes = foreign["generator_model_params"] if coqui else foreign
    table: dict[str, Any] = {ours: sizes[k] for k, ours in _KEYS.items() if k in sizes}
    table["block"] = int(sizes.get("resblock_type", sizes.get("resblock", 1)))
    if coqui:
        table["edge_frames"] = COQUI_EDGE_FRAMES
    features = features_from_coqui(foreign["audio"], stats) if coqui else _features(foreign)
    return {"config": to_dict(from_dict(HifiganConfig, table)), "features": to_dict(features)}


def _features(foreign: Mapping[str, Any]) -> FeatureSpec:
    return replace(
        HIFIGAN_22K,
        sample_rate=foreign["sampling_rate"],
        n_fft=foreign["n_fft"],
        win_length=foreign["win_size"],
        hop_length=foreign["hop_size"],
        n_mels=foreign["num_mels"],
        f_min=float(foreign["fmin"]),
        f_max=None if foreign["fmax"] is None else float(foreign["fmax"]),
    )
