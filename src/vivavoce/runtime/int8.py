"""A linear layer with weights of one byte, for CPUs. Imported only when it is used.

Weights are rounded per output, inputs per row: what a row gets does not depend on its neighbours.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from vivavoce.runtime.memory import in_large_pages

_quantized: Callable[..., Tensor] | None = getattr(
    torch, "_make_per_channel_quantized_tensor", None
)
LARGEST = 127
TINY = 1e-30
SMALLEST_SCALE = 6.1e-5
"""Torch's own."""


class Int8Linear(nn.Module):
    """`nn.Linear` for frozen weights: `[..., in]` to `[..., out]`, float32 in and out.

    torch's dynamic product rounds all rows to their common range. For one row that is right.
    Several are rounded here, each to its own range, to whole numbers that the product then takes as
    they are, because a row more holds both ends of the range.
    """

    bias: Tensor
    sums: Tensor
    ends: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.reduced = not keeps_eight_bits()
        self.levels = LARGEST if self.reduced else 2 * LARGEST + 1
        weight = linear.weight.detach()
        bias = linear.bias if linear.bias is not None else torch.zeros(self.out_features)
        bias = bias.detach().float()
        self._packed, sums = _pack(weight, bias)
        ends = torch.zeros(1, self.in_features)
        ends[0, 0] = self.levels
        for name, table in (("bias", bias), ("sums", sums), ("ends", ends)):
            self.register_buffer(name, table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() == self.in_features:
            return torch.ops.quantized.linear_dynamic(x, self._packed, self.reduced)
        return self._rows(x.reshape(-1, self.in_features)).view(*x.shape[:-1], self.out_features)

    def _rows(self, x: Tensor) -> Tensor:
        """As torch rounds one row: `x / scale + zero`, zero being a whole number itself.

        The product rounds what it is given once more, by a step of 1.
        """
        low, high = torch.aminmax(x, dim=-1, keepdim=True)
        low, high = low.clamp_max_(0), high.clamp_min_(TINY)
        scale = ((high.double() - low) / self.levels).float()
        zero = (-low / scale).round_()
        scale.clamp_min_(SMALLEST_SCALE)
        whole = torch.addcmul(zero, x, scale.reciprocal()).clamp_(0, self.levels)
        whole = torch.cat([whole, self.ends])
        found = torch.ops.quantized.linear_dynamic(whole, self._packed, self.reduced)[:-1]
        found = torch.addcmul(found, zero, self.sums, value=-1)
        return torch.lerp(self.bias, found, scale)


def available() -> bool:
    """Whether this torch has the product: its makers mean to take it out one day."""
    return _quantized is not None and torch.backends.quantized.engine != "none"


def _pack(weight: Tensor, bias: Tensor) -> tuple[object, Tensor]:
    """The weights as the product wants them, and their sums after rounding, for each output."""
    whole = in_large_pages(weight, torch.float32)
    scales = (torch.maximum(whole.amax(1), -whole.amin(1)) / LARGEST).clamp_min(TINY)
    rounded = in_large_pages(whole.div_(scales[:, None]).round_(), torch.int8)
    zeros = torch.zeros(weight.shape[0], dtype=torch.long)
    with warnings.catch_warnings():  # of that intention
        warnings.simplefilter("ignore", UserWarning)
        assert _quantized is not None
        told = _quantized(rounded, scales.double(), zeros, 0)
        packed = torch.ops.quantized.linear_prepack(told, bias)
    return packed, rounded.sum(1, dtype=torch.int32) * scales


@cache
def keeps_eight_bits() -> bool:
    """Whether sums of 8-bit products are exact here: older processors overflow at 16 bits."""
    n = 64
    packed, _ = _pack(torch.ones(n, n), torch.zeros(n))
    rows = torch.ones(2, n)
    rows[1, 0] = -1.0
    found = torch.ops.quantized.linear_dynamic(rows, packed, False)
    return bool((found[0] - n).abs().max() < 0.02 * n)
