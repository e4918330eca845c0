"""Layers of published recurrent models in the form that runs: batch norms folded, gates fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vivavoce.errors import BadCheckpoint

_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def fold_batch_norms(
    tensors: Mapping[str, Tensor], eps: Callable[[str], float]
) -> dict[str, Tensor]:
    """Every batch norm `X.norm` that directly follows the layer `X` becomes part of it.

    `eps` gives the constant of a norm by its name. The layer has a bias afterwards. Raises
    BadCheckpoint for a norm without its layer.
    """
    result = dict(tensors)
    for name in [n for n in tensors if n.endswith(".norm.running_mean")]:
        norm, layer = name.removesuffix("running_mean"), name.removesuffix("norm.running_mean")
        if any(norm + end not in tensors for end in _STATISTICS) or layer + "weight" not in tensors:
            raise BadCheckpoint(f"The batch norm '{norm[:-1]}' is incomplete.")
        gain, shift, mean, variance = (result.pop(norm + end).double() for end in _STATISTICS)
        result.pop(norm + "num_batches_tracked", None)
        scale = gain / (variance + eps(norm)).sqrt()
        weight = result[layer + "weight"]
        bias = result.get(layer + "bias", torch.zeros_like(mean)).double()
        columns = (-1, *[1] * (weight.dim() - 1))
        result[layer + "weight"] = (weight.double() * scale.view(columns)).float()
        result[layer + "bias"] = ((bias - mean) * scale + shift).float()
    return result


def fuse_lstm_cells(tensors: Mapping[str, Tensor], *cells: str) -> dict[str, Tensor]:
    """Cells of torch (`weight_ih`, `weight_hh` and biases) as `gates.weight` and `gates.bias`."""
    result = dict(tensors)
    for cell in cells:
        names = [f"{cell}.{kind}_{end}" for kind in ("weight", "bias") for end in ("ih", "hh")]
        if any(name not in result for name in names):
            continue
        inwards, around, bias, more = (result.pop(name) for name in names)
        result[f"{cell}.gates.weight"] = torch.cat([inwards, around], 1)
        result[f"{cell}.gates.bias"] = bias + more
    return result
