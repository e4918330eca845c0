"""The reference's Vocos names and configuration -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import renamed
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.vocos.config import VocosConfig

_RENAMES = (
    (r"^backbone\.convnext\.(\d+)\.dwconv\.", r"backbone.blocks.\1.depthwise."),
    (r"^backbone\.convnext\.(\d+)\.pwconv1\.", r"backbone.blocks.\1.expand."),
    (r"^backbone\.convnext\.(\d+)\.pwconv2\.", r"backbone.blocks.\1.contract."),
    (r"^backbone\.convnext\.(\d+)\.gamma$", r"backbone.blocks.\1.scale"),
    (r"^backbone\.convnext\.(\d+)\.norm\.", r"backbone.blocks.\1.norm."),
    (r"^backbone\.final_layer_norm\.", "backbone.final_norm."),
    (r"^head\.out\.", "head."),
)
# Windows and filter banks, which we make ourselves.
_DROPPED = ("feature_extractor.", "head.istft.window")


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Vocos."""
    return {"backbone.convnext.0.dwconv.weight", "head.out.weight"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and the foreign keys left out on purpose: windows and mel filters."""
    ours: dict[str, Tensor] = {}
    dropped = [key for key in tensors if key.startswith(_DROPPED)]
    for key in tensors.keys() - dropped:
        ours[renamed(key, _RENAMES)] = tensors[key]
    return ours, dropped


def tables(
    foreign: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
    stats: Stats | None = None,
) -> dict[str, dict[str, Any]]:
    """`config` and `features` of our model folder, from the reference's configuration.

    Takes its `config.yaml` as plain data, with or without the `init_args` level, and does not look
    at the weights. The features keep
    our clamp of 1e-5: the models that speak through Vocos were trained with it, though Vocos
    itself was with 1e-7. Raises BadCheckpoint for a Vocos without mel features, or with statistics.
    """
    if stats is not None:
        raise BadCheckpoint(
            "Vocos needs no statistics file, but the configuration names one.",
            "Use the configuration that belongs to this checkpoint.",
        )
    mel, backbone, head = (
        _arguments(foreign, part) for part in ("feature_extractor", "backbone", "head")
    )
    if "n_mels" not in mel:
        raise BadCheckpoint(
            "This Vocos does not read mel spectrograms (it is the EnCodec one).",
            "Use charactr/vocos-mel-24khz.",
        )
    config = VocosConfig(backbone["dim"], backbone["intermediate_dim"], backbone["num_layers"])
    features = FeatureSpec(
        sample_rate=mel["sample_rate"],
        n_fft=mel["n_fft"],
        win_length=mel["n_fft"],
        hop_length=mel["hop_length"],
        n_mels=mel["n_mels"],
        framing=head.get("padding", "same"),
    )
    if mel.get("padding", "center") != features.framing:
        raise BadCheckpoint("Features and head are framed differently; that is not supported.")
    return {"config": to_dict(config), "features": to_dict(features)}


def _arguments(foreign: Mapping[str, Any], part: str) -> dict[str, Any]:
    table = foreign.get(part)
    if not isinstance(table, dict):
        raise BadCheckpoint(f"The Vocos configuration has no '{part}'.", "Use its config.yaml.")
    return table.get("init_args", table)


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
