"""Names of Coqui's UnivNet generators -> ours. Pure; knows no files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.checkpoints.remap import count, renamed
from vivavoce.vocoders.coqui import Named, coqui_importer
from vivavoce.vocoders.univnet.config import UnivnetConfig

_RESIDUAL = (1, 3, 6, 8, 11, 13)  # between them lie dropout and rectifiers
_RENAMES = (
    (r"^first_conv\.", "first."),
    (r"^last_conv_layers\.0\.", "last."),
    (r"^lvc_blocks\.(\d+)\.", r"stages.\1."),
    (r"\.convs\.(\d+)\.", r".layers.\1."),
    (r"\.kernel_predictor\.input_conv\.0\.", ".predictor.first."),
    (r"\.kernel_predictor\.kernel_conv\.", ".predictor.kernels."),
    (r"\.kernel_predictor\.bias_conv\.", ".predictor.biases."),
    *(
        (rf"\.kernel_predictor\.residual_conv\.{theirs}\.", f".predictor.residual.{ours}.")
        for ours, theirs in enumerate(_RESIDUAL)
    ),
)


def _sizes(ours: Named, _: Mapping[str, Any]) -> UnivnetConfig:
    width, noise, _taps = ours["first.weight"].shape
    stages = range(count(ours, "stages."))
    return UnivnetConfig(
        noise=noise,
        width=width,
        rates=tuple(ours[f"stages.{n}.upsample.weight"].shape[2] // 2 for n in stages),
        layers=count(ours, "stages.0.layers."),
        kernel=ours["stages.0.layers.0.weight"].shape[2],
        kernel_width=ours["stages.0.predictor.first.bias"].shape[0],
    )


IMPORTER = coqui_importer(
    kinds=("univnet_generator",),
    marks={"first_conv.bias", "lvc_blocks.0.upsample.bias"},
    rename=lambda tensors: {renamed(key, _RENAMES): value for key, value in tensors.items()},
    sizes=_sizes,
)
