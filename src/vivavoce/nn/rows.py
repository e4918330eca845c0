"""The states of several requests side by side, a row each: rows join and leave between steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


class RowStates:
    """`tensors` are `[B, ...]` by name. Rows of different lengths are filled up with zeros."""

    def __init__(self) -> None:
        self.tensors: State = {}

    def add(self, row: State) -> None:
        """One row more, behind the others: tensors `[1, ...]` of the same names."""
        if not self.tensors:
            self.tensors = dict(row)
            return
        self.tensors = {name: _joined(self.tensors[name], row[name]) for name in row}

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows, in this order."""
        if not rows:
            self.tensors = {}
            return
        self.tensors = {
            name: tensor[torch.tensor(rows, device=tensor.device)]
            for name, tensor in self.tensors.items()
        }


def _joined(rows: Tensor, row: Tensor) -> Tensor:
    sizes = [max(a, b) for a, b in zip(rows.shape[1:], row.shape[1:], strict=True)]
    return torch.cat([_filled(rows, sizes), _filled(row, sizes)])


def _filled(tensor: Tensor, sizes: Sequence[int]) -> Tensor:
    """Zeros behind, in every dimension but the first, up to these sizes."""
    room = [size - have for size, have in zip(sizes, tensor.shape[1:], strict=True)]
    if not any(room):
        return tensor
    return F.pad(tensor, [n for extra in reversed(room) for n in (0, extra)])
