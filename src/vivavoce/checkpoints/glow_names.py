"""Coqui's names of a Glow decoder, whose steps are numbered through -> ours, which are in pairs."""

from __future__ import annotations

import re

from torch import Tensor

_FLOW = re.compile(r"^flows\.(\d+)\.(.+)$")
_STEP = {"logs": "log_scale", "bias": "bias", "weight": "mixing"}
_WAVENET = (
    (".wn.in_layers.", ".wavenet.inputs."),
    (".wn.res_skip_layers.", ".wavenet.outputs."),
    (".wn.cond_layer.", ".wavenet.condition."),
)


def decoder_name(key: str) -> str:
    """`flows.N.REST` of a decoder as a name of `nn.glow_decoder.GlowDecoder`; others stay."""
    match = _FLOW.match(key)
    if match is None:
        return key
    index, rest = int(match[1]), match[2]
    if index % 3 < 2:
        return f"steps.{index // 3}.{_STEP.get(rest, rest)}"
    name = f"couplings.{index // 3}.{rest}"
    for theirs, ours in _WAVENET:
        name = name.replace(theirs, ours)
    return name


def flat_vector(name: str, tensor: Tensor) -> Tensor:
    """Coqui keeps the vectors of a step as `[1, C, 1]`."""
    return tensor.flatten() if "steps." in name and not name.endswith("mixing") else tensor
