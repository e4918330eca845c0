"""Names of Coqui's Parallel WaveGAN generators -> ours. Pure; knows no files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import fold_weight_norm, require_count
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.coqui import bare, coqui_tables, generator_of
from vivavoce.vocoders.wavegan.config import WaveganConfig

_KINDS = ("parallel_wavegan_generator",)
_RENAMES = (
    (r"^first_conv\.", "first."),
    (r"^upsample_net\.conv_in\.", "upsample.first."),
    (r"^last_conv_layers\.1\.", "summed."),
    (r"^last_conv_layers\.3\.", "last."),
    (r"^conv_layers\.(\d+)\.conv\.", r"layers.\1.dilated."),
    (r"^conv_layers\.(\d+)\.conv1x1_aux\.", r"layers.\1.condition."),
    (r"^conv_layers\.(\d+)\.conv1x1_skip\.", r"layers.\1.skip."),
    (r"^conv_layers\.(\d+)\.conv1x1_out\.", r"layers.\1.output."),
)
_SMOOTHING = re.compile(r"^upsample_net\.upsample\.up_layers\.(\d+)\.")


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Parallel WaveGAN generator."""
    return {"first_conv.bias", "conv_layers.0.conv1x1_skip.bias"} <= bare(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded, and the foreign keys left out: the discriminator's."""
    kept, dropped = generator_of(tensors)
    ours: dict[str, Tensor] = {}
    for key, value in fold_weight_norm(kept).items():
        if found := _SMOOTHING.match(key):  # between these kernels of two dimensions lie others
            number = int(found[1]) // 2
            ours[f"upsample.smoothing.{number}.{key[found.end() :]}"] = value.squeeze(2)
            continue
        name = key
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        ours[name] = value
    return ours, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, dict[str, Any]]:
    """Our manifest's tables; all sizes but the number of stacks are read off the weights.

    Raises BadCheckpoint for another generator's configuration, and for half a checkpoint.
    """
    ours, _ = adapt(tensors)
    sizes = foreign.get("generator_model_params") or {}
    try:
        first, taps = ours["layers.0.dilated.weight"].shape, ours["layers.0.skip.bias"].shape
        gate, width, kernel = first
        smoothing = [ours[f"upsample.smoothing.{n}.weight"] for n in range(_rates(ours))]
    except KeyError as error:
        raise BadCheckpoint(
            f"A part of the Parallel WaveGAN is missing: {error}.",
            "Take a checkpoint of all of it.",
        ) from error
    count = len({key.split(".")[1] for key in ours if key.startswith("layers.")})
    require_count(ours, "layers.", sizes.get("num_res_blocks", count), "num_res_blocks")
    config = WaveganConfig(
        width=width,
        gate=gate,
        skip=taps[0],
        layers=count,
        stacks=sizes.get("stacks", 3),
        kernel=kernel,
        rates=tuple((weight.shape[-1] - 1) // 2 for weight in smoothing),
        edge_frames=sizes.get("inference_padding", 2),
    )
    return coqui_tables(foreign, _KINDS, config, stats)


def _rates(ours: Mapping[str, Tensor]) -> int:
    return len([key for key in ours if key.startswith("upsample.smoothing.")])


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
