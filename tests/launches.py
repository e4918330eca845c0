"""What work costs a GPU beside its arithmetic, counted on the meta device.

That device takes every branch that is not the CPU's, and computes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device("meta")
VIEWS = {
    "view", "_unsafe_view", "reshape", "_reshape_alias", "expand", "permute", "transpose", "t",
    "unsqueeze", "squeeze", "slice", "select", "split", "split_with_sizes", "chunk", "unbind",
    "narrow", "diagonal", "unfold", "as_strided", "detach", "alias", "view_as_real",
    "view_as_complex", "lift_fresh", "empty", "empty_strided", "new_empty", "empty_like",
}  # fmt: skip
"""Operators that launch nothing: they look at memory in another way, or only ask for some."""
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal"}
"""Operators that read something back."""


class Launches(TorchDispatchMode):
    """Counts launches of kernels, copies between the CPU and the device, and what waits."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: dict[str, int] = {}
        self.copies: list[str] = []
        self.waits: list[str] = []

    @property
    def total(self) -> int:
        return sum(self.kernels.values())

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        given = {t.device.type for t in tensors((args, kwargs or {}))}
        made = {t.device.type for t in tensors(found)}
        if name in WAITS and "meta" in given:
            self.waits.append(name)
        if {"cpu", "meta"} <= given | made:
            self.copies.append(name)
        elif "meta" in made and name not in VIEWS:
            self.kernels[name] = self.kernels.get(name, 0) + 1
        return found


def tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in tensors(part)]
    return []
