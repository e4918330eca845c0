"""Names and configurations of published HiFi-GAN generators -> ours. Pure; knows no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import COQUI_22K, HIFIGAN_22K
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec, Normalisation
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.weights.adapt import fold_weight_norm

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
_BLOCK = re.compile(r"^resblocks\.(\d+)\.")


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded, and the foreign keys left out: the discriminator's.

    Takes the published generator, Coqui's `model_g.*` with `model_d.*`, and the decoders inside
    XTTS and VITS once their prefix is off.
    """
    dropped = [key for key in tensors if key.startswith(_DISCRIMINATOR)]
    kept = {k.removeprefix(_GENERATOR): v for k, v in tensors.items() if k not in set(dropped)}
    folded = fold_weight_norm(kept)
    blocks, stages = (
        len({k.split(".")[1] for k in folded if k.startswith(p)}) for p in ("resblocks.", "ups.")
    )
    per_stage = max(1, blocks // max(1, stages))
    return {_rename(key, per_stage): value for key, value in folded.items()}, dropped


def _rename(key: str, per_stage: int) -> str:
    match = _BLOCK.match(key)
    if match:
        stage, block = divmod(int(match[1]), per_stage)
        key = f"stages.{stage}.blocks.{block}.{key[match.end() :]}"
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return key


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


def tables(foreign: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`config` and `features` of our model folder, from either's `config.json`.

    Raises BadCheckpoint for Coqui features normalised by a statistics file, which is not part of
    the configuration.
    """
    coqui = "generator_model_params" in foreign
    sizes = foreign["generator_model_params"] if coqui else foreign
    table: dict[str, Any] = {ours: sizes[k] for k, ours in _KEYS.items() if k in sizes}
    table["block"] = int(sizes.get("resblock_type", sizes.get("resblock", 1)))
    if coqui:
        table["edge_frames"] = COQUI_EDGE_FRAMES
    features = features_from_coqui(foreign["audio"]) if coqui else _features(foreign)
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


def features_from_coqui(audio: Mapping[str, Any]) -> FeatureSpec:
    """The mel that Coqui's AudioProcessor makes with its `audio` table."""
    if audio.get("stats_path"):
        raise BadCheckpoint(
            f"The features are normalised by a file, {audio['stats_path']}, that is not here.",
            "Give its means and deviations as `stats` in the features' normalisation.",
        )
    natural = audio.get("log_func", "np.log10") == "np.log"
    maximum = audio.get("mel_fmax")
    normalisation = Normalisation(
        min_level_db=float(audio.get("min_level_db", -100)),
        ref_level_db=float(audio.get("ref_level_db", 20)),
        gain=float(audio.get("spec_gain", 20)),
        max_norm=float(audio.get("max_norm", 4)),
        symmetric=bool(audio.get("symmetric_norm", True)),
        clip=bool(audio.get("clip_norm", True)),
        signal_norm=bool(audio.get("signal_norm", True)),
    )
    return replace(
        COQUI_22K,
        sample_rate=audio.get("sample_rate", 22050),
        n_fft=audio.get("fft_size", 1024),
        win_length=audio.get("win_length", 1024),
        hop_length=audio.get("hop_length", 256),
        n_mels=audio.get("num_mels", 80),
        f_min=float(audio.get("mel_fmin", 0)),
        f_max=None if maximum is None else float(maximum),
        log="ln" if natural else "log10",
        preemphasis=float(audio.get("preemphasis", 0)),
        normalisation=normalisation,
    )
