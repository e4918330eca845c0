"""The tensors of Coqui's two speaker encoders, among those of their files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

RESNET = {"layer4.0.conv1.weight", "attention.0.weight", "fc.weight"}
"""Names that tell the ResNet."""

_LSTM = re.compile(r"layers\.(\d+\.)?(lstm|linear)\..+")
_RESNET = re.compile(r"(conv1|bn1|layer\d|attention|fc)\.(?!.*num_batches_tracked).+")


def is_lstm(names: Mapping[str, object]) -> bool:
    """Whether tensors of these names are the recurrent encoder, in either of its forms."""
    return {"layers.0.lstm.weight_hh_l0", "layers.0.linear.weight"} <= names.keys() or {
        "layers.lstm.weight_hh_l0",
        "layers.linear.weight",
    } <= names.keys()


def speaker_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the encoder; without the tables of its mel and the counts of its norms.

    Nothing where it is of another kind.
    """
    if not is_lstm(tensors) and not tensors.keys() >= RESNET:
        return {}
    own = _LSTM if is_lstm(tensors) else _RESNET
    return {name: tensor for name, tensor in tensors.items() if own.fullmatch(name)}
