"""How a model's linear layers are computed on its device: number format and kernel, decided once.

Knows nothing about models. The choice of kernel is `kernels.py`'s.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.device.kernels import choose_kernel
from vivavoce.device.onednn import PackedLinear

if TYPE_CHECKING:
    from vivavoce.device.precision import Precision


@dataclass(frozen=True)
class Linears:
    """Called with a loaded layer, gives one that computes in `dtype` with the chosen kernel.

    The given layer is not kept: dropping it frees its weights, or the file they are mapped from.
    """

    dtype: torch.dtype = torch.float32
    packed: bool = False

    def __call__(self, layer: nn.Linear) -> nn.Module:
        if self.dtype != layer.weight.dtype:
            layer = copy.deepcopy(layer).to(self.dtype)
        if self.packed and PackedLinear.gains(layer):
            return PackedLinear(layer)
        return layer.requires_grad_(False)


PLAIN = Linears()


def choose_linears(
    device: torch.device, precision: Precision, cache_folder: Path | None
) -> Linears:
    """What is fastest here: oneDNN's own order on CPUs where it was measured to win."""
    if device.type != "cpu":
        return Linears(precision.dtype)
    lower = precision.dtype != torch.float32  # only oneDNN multiplies these on a CPU
    packed = choose_kernel(cache_folder).name == "onednn" or lower
    return Linears(precision.dtype, packed)


def linear_gelu(layer: nn.Module, x: Tensor) -> Tensor:
    """GELU (its tanh form) of a linear layer, in one kernel where there is one."""
    if isinstance(layer, PackedLinear):
        return layer.gelu(x)
    return F.gelu(layer(x), approximate="tanh")
