"""Names of Coqui's Parallel WaveGAN generators -> ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.checkpoints.remap import count, renamed, require_count
from vivavoce.vocoders.coqui import Named, coqui_importer
from vivavoce.vocoders.wavegan.config import WaveganConfig

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
_SMOOTHING = re.compile(r"upsample_net\.upsample\.up_layers\.(\d+)\.weight")


def _rename(tensors: Named) -> Named:
    """Between the smoothing kernels, which have two dimensions there, lie the repetitions."""
    ours: Named = {}
    for key, value in tensors.items():
        if found := _SMOOTHING.fullmatch(key):
            ours[f"upsample.smoothing.{int(found[1]) // 2}.weight"] = value.squeeze(2)
        else:
            ours[renamed(key, _RENAMES)] = value
    return ours


def _sizes(ours: Named, said: Mapping[str, Any]) -> WaveganConfig:
    gate, width, kernel = ours["layers.0.dilated.weight"].shape
    layers, rates = count(ours, "layers."), range(count(ours, "upsample.smoothing."))
    require_count(ours, "layers.", said.get("num_res_blocks", layers), "num_res_blocks")
    return WaveganConfig(
        width=width,
        gate=gate,
        skip=ours["layers.0.skip.bias"].shape[0],
        layers=layers,
        stacks=said.get("stacks", 3),
        kernel=kernel,
        rates=tuple(ours[f"upsample.smoothing.{n}.weight"].shape[2] // 2 for n in rates),
        edge_frames=said.get("inference_padding", 2),
    )


IMPORTER = coqui_importer(
    kinds=("parallel_wavegan_generator",),
    marks={"first_conv.bias", "conv_layers.0.conv1x1_skip.bias"},
    rename=_rename,
    sizes=_sizes,
)
