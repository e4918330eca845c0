"""Names and configurations of published HiFi-GAN generators -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import Stats, features_from_coqui
from vivavoce.audio.specs import HIFIGAN_22K, XTTS_LATENTS
from vivavoce.checkpoints.importer import Importer
from vivavoce.checkpoints.remap import count
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
    (r"^lin_pre\.", "inwards."),
    (r"^ups\.(\d+)\.", r"stages.\1.upsample."),
    (r"^conds\.(\d+)\.", r"stages.\1.condition."),
    (r"\.convs1?\.(\d+)\.", r".dilated.\1."),
    (r"\.convs2\.(\d+)\.", r".plain.\1."),
)


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a HiFi-GAN generator, with or without its prefix."""
    short = {name.removeprefix(_GENERATOR) for name in names}
    return "ups.0.bias" in short and any(name.startswith("conv_post.") for name in short)


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

    `stats` are the statistics that Coqui's `audio` table names. Of the weights only a linear layer
    in front is looked at: then the features are WavLM's frames.
    Raises BadCheckpoint when it names some and none are given, and for Coqui's other vocoders.
    """
    kind = foreign.get("generator_model", "hifigan_generator")
    if kind != "hifigan_generator":
        raise BadCheckpoint(
            f"This vocoder is a '{kind}', not a HiFi-GAN.",
            "Import it without --as: the family is recognised by its tensors.",
        )
    coqui = "generator_model_params" in foreign
    sizes = foreign["generator_model_params"] if coqui else foreign
    table: dict[str, Any] = {ours: sizes[k] for k, ours in _KEYS.items() if k in sizes}
    table["block"] = int(sizes.get("resblock_type", sizes.get("resblock", 1)))
    if coqui:
        table["edge_frames"] = COQUI_EDGE_FRAMES
    linear = (tensors or {}).get("lin_pre.weight", (tensors or {}).get("model_g.lin_pre.weight"))
    if linear is not None:
        return _of_wavlm(table, linear)
    features = features_from_coqui(foreign["audio"], stats) if coqui else _features(foreign)
    return {"config": to_dict(from_dict(HifiganConfig, table)), "features": to_dict(features)}


def _of_wavlm(table: Mapping[str, Any], linear: Tensor) -> dict[str, dict[str, Any]]:
    """kNN-VC's vocoder, which repeats no frames at the edges."""
    sizes = {**table, "inner_channels": linear.shape[0], "edge_frames": 0}
    config = from_dict(HifiganConfig, sizes)
    features = replace(
        XTTS_LATENTS, n_mels=linear.shape[1], hop_length=config.hop_length, sample_rate=16_000
    )
    return {"config": to_dict(config), "features": to_dict(features)}


def config_from_tensors(tensors: Mapping[str, Tensor]) -> HifiganConfig:
    """The sizes of a decoder inside another model, which no configuration tells.

    Its kernels are twice their rates and its dilations 1, 3, 5, as in every release of those.
    Raises BadCheckpoint for half a decoder.
    """
    stages = count(tensors, "ups.")
    blocks = count(tensors, "resblocks.")
    kernels = [_taps(tensors, f"ups.{n}.") for n in range(stages)]
    per_stage = range(blocks // max(1, stages))
    table = {
        "width": tensors["conv_pre.bias"].shape[0] if "conv_pre.bias" in tensors else 0,
        "rates": [kernel // 2 for kernel in kernels],
        "kernels": kernels,
        "block_kernels": [_taps(tensors, f"resblocks.{n}.convs1.0.") for n in per_stage],
        "block_dilations": [(1, 3, 5)[: count(tensors, "resblocks.0.convs1.")]] * len(per_stage),
        "condition_stages": any(name.startswith("conds.") for name in tensors),
        "output_bias": "conv_post.bias" in tensors,
    }
    if "cond_layer.weight" in tensors:
        table["condition_dim"] = tensors["cond_layer.weight"].shape[1]
    taps = [*kernels, *table["block_kernels"]]
    if not (table["width"] and kernels and table["block_kernels"]) or 0 in taps:
        raise BadCheckpoint(
            "Half of the checkpoint's HiFi-GAN is missing.", "Use a checkpoint of the full model."
        )
    return from_dict(HifiganConfig, table)


def _taps(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """How long a convolution's kernel is, whichever way its weight is stored."""
    shapes = [tensor.shape for name, tensor in tensors.items() if name.startswith(prefix)]
    return max((shape[2] for shape in shapes if len(shape) == 3), default=0)


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


IMPORTER = Importer(
    recognises=recognises, adapt=adapt, tables=tables, config_from_tensors=config_from_tensors
)
