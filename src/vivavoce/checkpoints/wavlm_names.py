"""Microsoft's WavLM names and sizes -> ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.remap import count, renamed
from vivavoce.errors import BadCheckpoint

_RENAMES = (
    (r"^feature_extractor\.conv_layers\.(\d+)\.0\.", r"convs.\1.conv."),
    (r"^feature_extractor\.conv_layers\.(\d+)\.2\.1\.", r"convs.\1.norm."),
    (r"^layer_norm\.", "norm."),
    (r"^post_extract_proj\.", "project."),
    (r"^encoder\.pos_conv\.0\.", "position_conv."),
    (r"^encoder\.layer_norm\.", "final_norm."),
    (r"^encoder\.layers\.0\.self_attn\.relative_attention_bias\.", "positions."),
    (r"^encoder\.layers\.", "layers."),
    (r"\.self_attn\.(q|k|v|out)_proj\.", r".self_attn.\1."),
    (r"\.self_attn\.q\.", ".query."),
    (r"\.self_attn\.k\.", ".key."),
    (r"\.self_attn\.v\.", ".value."),
    (r"\.self_attn\.out\.", ".output."),
    (r"\.self_attn\.grep_linear\.", ".gate."),
    (r"\.self_attn\.grep_a$", ".gate_scale"),
    (r"\.self_attn_layer_norm\.", ".norm_1."),
    (r"\.final_layer_norm\.", ".norm_2."),
    (r"\.fc1\.", ".expand."),
    (r"\.fc2\.", ".contract."),
)
_POSITIONS = "encoder.pos_conv.0."
_PAIRS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
_FIRST = "encoder.layers.0."


def is_wavlm(names: set[str]) -> bool:
    return {"post_extract_proj.weight", _FIRST + "self_attn.grep_a"} <= names


def adapt_wavlm(
    tensors: Mapping[str, Tensor], layers: int | None = None
) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and those left out: the training's mask, and what is behind `layers` layers."""
    kept = _without_weight_norm(tensors)
    dropped = ["mask_emb"] if "mask_emb" in kept else []
    if layers is not None:
        dropped += [k for k in kept if _layer(k) >= layers or k.startswith("encoder.layer_norm.")]
    return {renamed(k, _RENAMES): v for k, v in kept.items() if k not in set(dropped)}, dropped


def wavlm_sizes(
    tensors: Mapping[str, Tensor], max_distance: int = 800, layers: int | None = None
) -> dict[str, Any]:
    """The table of a `WavLmConfig`. Raises BadCheckpoint where there is no WavLM."""
    if not is_wavlm(set(tensors)):
        raise BadCheckpoint(
            "WavLM, which computes the model's input features, is missing.",
            "Put WavLM-Large.pt beside the checkpoint and import again.",
        )
    positions = _without_weight_norm(tensors)[_POSITIONS + "weight"]
    convs = "feature_extractor.conv_layers."
    width = tensors["post_extract_proj.weight"].shape[0]
    return {
        "convs": [tensors[f"{convs}{n}.0.weight"].shape[0] for n in range(count(tensors, convs))],
        "width": width,
        "hidden": tensors[_FIRST + "fc1.weight"].shape[0],
        "layers": min(layers or 1000, count(tensors, "encoder.layers.")),
        "heads": tensors[_FIRST + "self_attn.grep_a"].shape[1],
        "position_kernel": positions.shape[2],
        "position_groups": width // positions.shape[1],
        "buckets": tensors[_FIRST + "self_attn.relative_attention_bias.weight"].shape[0],
        "max_distance": max_distance,
        "final_norm": layers is None,
    }


def _layer(key: str) -> int:
    match = re.match(r"encoder\.layers\.(\d+)\.", key)
    return int(match[1]) if match else -1


def _without_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The one weight-normed convolution has its norms over the first two dimensions."""
    result = dict(tensors)
    for g_name, v_name in _PAIRS:
        if _POSITIONS + g_name in result and _POSITIONS + v_name in result:
            g, v = (result.pop(_POSITIONS + n).float() for n in (g_name, v_name))
            result[_POSITIONS + "weight"] = v * g / v.norm(dim=(0, 1), keepdim=True)
    return result
