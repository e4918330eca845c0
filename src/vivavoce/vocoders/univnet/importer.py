"""Names of Coqui's and Tortoise's UnivNet generators -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.remap import count, renamed
from vivavoce.vocoders.coqui import Named, coqui_importer
from vivavoce.vocoders.univnet.config import UnivnetConfig

_RESIDUAL = (1, 3, 6, 8, 11, 13)  # between them lie dropout and rectifiers
_RENAMES = (
    (r"^(first_conv|conv_pre)\.", "first."),
    (r"^(last_conv_layers\.0|conv_post\.1)\.", "last."),
    (r"^(lvc_blocks|res_stack)\.(\d+)\.", r"stages.\2."),
    (r"\.convs\.(\d+)\.", r".layers.\1."),
    (r"\.conv_blocks\.(\d+)\.1\.", r".layers.\1."),
    (r"\.convt_pre\.1\.", ".upsample."),
    (r"\.kernel_predictor\.input_conv\.0\.", ".predictor.first."),
    (r"\.kernel_predictor\.kernel_conv\.", ".predictor.kernels."),
    (r"\.kernel_predictor\.bias_conv\.", ".predictor.biases."),
    *(
        (rf"\.kernel_predictor\.residual_conv\.{theirs}\.", f".predictor.residual.{ours}.")
        for ours, theirs in enumerate(_RESIDUAL)
    ),
    *(
        (rf"\.residual_convs\.{n // 2}\.{1 + 2 * (n % 2)}\.", f".residual.{n}.")
        for n in range(len(_RESIDUAL))
    ),
    (r"\.kernel_predictor\.", ".predictor."),
)
_TORTOISE = {"conv_pre.bias", "res_stack.0.convt_pre.1.bias"}


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


_COQUI = coqui_importer(
    kinds=("univnet_generator",),
    marks={"first_conv.bias", "lvc_blocks.0.upsample.bias"},
    rename=lambda tensors: {renamed(key, _RENAMES): value for key, value in tensors.items()},
    sizes=_sizes,
)


def _recognises(names: Iterable[str]) -> bool:
    listed = set(names)
    return listed >= _TORTOISE or _COQUI.recognises(listed)


def _inside(tensors: Mapping[str, Tensor]) -> UnivnetConfig:
    """The sizes of Tortoise's vocoder. KeyError where a tensor is missing."""
    return replace(_sizes(_COQUI.adapt(tensors)[0], {}), mirrored=True)


IMPORTER = replace(_COQUI, recognises=_recognises, config_from_tensors=_inside)
