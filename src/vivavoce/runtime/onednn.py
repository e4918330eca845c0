"""A linear layer whose weights lie in oneDNN's order. Imported only when it is used."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.runtime.memory import in_large_pages

Gelu = Literal["tanh", "none"]
MANY_ROWS = 8
MIN_WEIGHTS = 524288
"""Smaller layers lost time at some numbers of rows, larger ones at none (docs/decisions/LOG.md)."""


class PackedLinear(nn.Module):
    """`nn.Linear` for frozen weights on the CPU, float32 or bfloat16: `[..., in]` to `[..., out]`.

    It has no `weight`: code that reads `layer.weight` fails instead of computing with a copy.
    """

    def __init__(self, linear: nn.Linear, few_rows: bool = False) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        self.few_rows = few_rows
        with torch.no_grad():
            self._packed = self._laid_out(linear.weight.detach())

    @staticmethod
    def gains(linear: nn.Linear) -> bool:
        """Whether the layer is of the kind that can, and is large enough to, gain."""
        weight = linear.weight
        return (
            weight.device.type == "cpu"
            and (
                weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and has_bfloat16())
            )
            and weight.numel() >= MIN_WEIGHTS
            and not linear._forward_pre_hooks  # weight norm and the like compute it anew
        )

    def _laid_out(self, weight: Tensor) -> Tensor:
        return pack(weight, 1 if self.few_rows else None)

    def forward(self, x: Tensor) -> Tensor:
        return packed_linear(x, self._packed, self.bias)

    def gelu(self, x: Tensor, form: Gelu = "tanh") -> Tensor:
        """GELU of the layer, without another pass over memory; the form as torch names it."""
        operator = torch.ops.mkldnn._linear_pointwise
        return operator(x, self._packed, self.bias, "gelu", [], form)


class StreamedLinear(PackedLinear):
    """The same with weights in their own order: for few rows, which only read them once through.

    They lie in large pages, where the system has them: some 8 % faster (docs/decisions/0010). With
    `default` torch's own kernel multiplies them until they are laid out for many rows; with
    `as_vector` one row is a vector in a product of torch's own.
    """

    def __init__(self, linear: nn.Linear, default: bool = False, as_vector: bool = False) -> None:
        super().__init__(linear, few_rows=True)
        self.default, self.as_vector = default, as_vector

    def _laid_out(self, weight: Tensor) -> Tensor:
        return in_large_pages(weight)

    def forward(self, x: Tensor) -> Tensor:
        if self.few_rows and self.as_vector and x.numel() == self.in_features:
            return vector_linear(x, self._packed, self.bias)
        if self.default and self.few_rows:
            return F.linear(x, self._packed, self.bias)
        return super().forward(x)

    def gelu(self, x: Tensor, form: Gelu = "tanh") -> Tensor:
        if self.few_rows and (self.default or self.as_vector):
            return F.gelu(self.forward(x), approximate=form)
        return super().gelu(x, form)

    def for_many_rows(self) -> None:
        """In oneDNN's order: a third faster for eight rows, and slower for one."""
        if self.few_rows:
            self._packed, self.few_rows = pack(self._packed, MANY_ROWS), False

    def for_one_row(self) -> None:
        """In their own order again."""
        if not self.few_rows:
            self._packed, self.few_rows = self._laid_out(self._packed.to_dense()), True


def vector_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x @ weight.T + bias` of one row, however many dimensions it has."""
    row = x.flatten()
    found = weight.mv(row) if bias is None else bias.addmv(weight, row)
    return found.view(*x.shape[:-1], -1)


def has_bfloat16() -> bool:
    """Whether oneDNN is in this torch and packs bfloat16 here, for which x86 needs AVX-512.

    torch's own product in bfloat16 runs everywhere.
    """
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def pack(weight: Tensor, rows: int | None = None) -> Tensor:
    """`[out, in]` in oneDNN's own order; good for any number of rows, best for so many."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)


def packed_linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """`x @ weight.T + bias` with a packed weight."""
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
