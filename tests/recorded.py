"""Random draws that a reference made, in the order in which it made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vivavoce.nn.noise import Noise

if TYPE_CHECKING:
    from tests.conftest import Parity


class RecordedNoise(Noise):
    """One row whose draws are `noise0`, `noise1` ... of a recording.

    A dropout mask (0 or 2) comes as a uniform number that gives the same mask.
    """

    def __init__(self, recording: Parity, first: int = 0) -> None:
        super().__init__(0)
        count = sum(name.startswith("noise") for name in recording.inputs)
        self.draws = [recording.inputs[f"noise{n}"] for n in range(first, count)]

    def alone(self, row: int) -> Noise:
        return self

    def normal(self, lengths: Sequence[int], n_channels: int) -> Tensor:
        """`[1, C, T]`, one draw for all frames or one a frame."""
        drawn = self.draws.pop(0).reshape(1, -1, n_channels)
        while drawn.shape[1] < lengths[0]:
            drawn = torch.cat([drawn, self.draws.pop(0).reshape(1, -1, n_channels)], 1)
        return drawn.transpose(1, 2)

    def uniform(self, row: int, count: int) -> Tensor:
        drawn = self.draws.pop(0).flatten() if self.draws else torch.full((count,), 0.1)
        assert len(drawn) == count
        masked = set(drawn.tolist()) <= {0.0, 2.0} and count > 1
        return torch.where(drawn == 0, 0.9, 0.1) if masked else drawn
