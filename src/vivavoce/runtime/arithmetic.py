"""How a model's products are computed on its device: number format and kernels, decided once.

What is faster here, `kernels.py` has measured.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.runtime.kernels import (
    attends_in_half,
    choose_kernel,
    one_row_as_vector,
    packed_rows,
    separate_attention,
)
from vivavoce.runtime.onednn import Gelu, PackedLinear, StreamedLinear

if TYPE_CHECKING:
    from vivavoce.runtime.precision import Precision


MANY_ROWS = 4
"""From so many rows on it pays to lay weights out for several."""


@dataclass(frozen=True)
class Arithmetic:
    """`packed`: linear layers in oneDNN's own order; `int8`: with weights of one byte instead.

    `cache_folder` keeps what was measured.
    """

    dtype: torch.dtype = torch.float32
    packed: bool = False
    cache_folder: Path | None = None
    int8: bool = False

    @cached_property
    def separate(self) -> bool:
        """Whether attention is to be two products; measured when it is first asked for."""
        return separate_attention(self.dtype, self.cache_folder)

    @cached_property
    def packed_rows(self) -> bool:
        """Whether float32 layers for few rows may lie in oneDNN's order for several; likewise."""
        return self.packed or packed_rows(self.cache_folder)

    @cached_property
    def as_vector(self) -> bool:
        """Whether one row in bfloat16 is to be a vector; likewise."""
        return self.dtype == torch.bfloat16 and one_row_as_vector(self.cache_folder)

    def attention_dtype(self, device: torch.device) -> torch.dtype:
        """Of queries, keys and values of a decoder: what is fastest, which CPUs measure.

        A CPU is asked only where products are of a lower type, or rounded to int8, anyway.
        """
        if device.type != "cpu":
            return self.dtype
        lower = self.int8 or self.dtype == torch.bfloat16
        half = lower and attends_in_half(self.cache_folder)
        return torch.bfloat16 if half else torch.float32

    def linear(self, layer: nn.Module, few_rows: bool = False) -> nn.Module:
        """A loaded layer as one that computes like this; with `few_rows` at its best for one.

        Where the result is another module it holds its own weights: dropping the given one frees
        what it had, or the file that was mapped.
        """
        assert isinstance(layer, nn.Linear)
        if self.int8:
            from vivavoce.runtime.int8 import Int8Linear

            return Int8Linear(layer)
        if self.dtype != layer.weight.dtype:
            layer = copy.deepcopy(layer).to(self.dtype)
        if PackedLinear.gains(layer):
            if few_rows and self.packed_rows:
                return StreamedLinear(layer, not self.packed, self.as_vector)
            if self.packed:
                return PackedLinear(layer)
        if not layer.weight.is_contiguous():  # a view of how another program keeps it
            layer.weight = nn.Parameter(layer.weight.detach().contiguous())
        return portable(layer).requires_grad_(False)


def choose_arithmetic(
    device: torch.device, precision: Precision, cache_folder: Path | None
) -> Arithmetic:
    """What was measured to be fastest here; on other devices than CPUs torch's own kernels."""
    if device.type != "cpu":
        return Arithmetic(precision.dtype)
    lower = precision.dtype != torch.float32  # only oneDNN multiplies these on a CPU
    packed = lower or choose_kernel(cache_folder).name == "onednn"
    return Arithmetic(precision.dtype, packed, cache_folder, precision.int8)


class FlatLinear(nn.Linear):
    """`nn.Linear` that multiplies one matrix of rows, whatever shape they come in.

    For Apple's GPUs: there, inputs of three dimensions gave other numbers on every call (pytorch
    issue 180776), wrong ones (192934), or took 8.5 times as long (189855).
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        rows = input.reshape(-1, self.in_features)
        return F.linear(rows, self.weight, self.bias).view(*input.shape[:-1], self.out_features)


M = TypeVar("M", bound=nn.Module)


def flattened(module: M) -> M:
    """The module itself, every plain linear layer in it a `FlatLinear` of the same weights."""
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = FlatLinear
    return module


def portable(module: M) -> M:
    """The module itself, with linear layers in the form that is right on the device it is on."""
    on_mps = any(parameter.device.type == "mps" for parameter in module.parameters())
    return flattened(module) if on_mps else module


class RowLayout:
    """How the weights of a module's layers for few rows are laid out, agreed among its users.

    While a user with `MANY_ROWS` rows or more is alive they lie for several rows, else for one. The
    results are the same but for rounding. A change takes about a second for the 1.5 GB of XTTS.
    """

    def __init__(self, module: nn.Module) -> None:
        self.layers = [m for m in module.modules() if isinstance(m, StreamedLinear)]
        self.lock = Lock()
        self.users: WeakSet[object] = WeakSet()

    def agree(self, user: object, rows: int) -> None:
        """Lay the weights out for `rows` rows of `user`, for as long as the user lives."""
        with self.lock:
            if rows >= MANY_ROWS:
                self.users.add(user)
            for layer in self.layers:
                layer.for_many_rows() if self.users else layer.for_one_row()


def linear_gelu(layer: nn.Module, x: Tensor, form: Gelu = "tanh") -> Tensor:
    """GELU of a linear layer, in one kernel where there is one."""
    if isinstance(layer, PackedLinear):
        return layer.gelu(x, form)
    return F.gelu(layer(x), approximate=form)
