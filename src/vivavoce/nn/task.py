"""The contract of a training task: batches in, losses out.

A family's `train.py` offers `build_task(tables, speakers)`, where `tables` are the recipe's plain
`model`, `text`, `features` and `loss` tables, each parsed strictly by the family itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from vivavoce.types import FeatureSpec, Tokens

Batch = dict[str, Tensor]
"""Those of these that the task needs, padded with zeros:

`tokens [B, L]` int64, `token_lengths [B]`, `features [B, M, T]` float32, `feature_lengths [B]`,
`samples [B, S]` float32, `sample_lengths [B]`; always `speakers [B]` int64.
"""


class Task(nn.Module, ABC):
    """Randomness in `forward` comes from torch's global generators.

    The loop seeds them from the recipe's seed and the step number before each step, so that a
    resumed run draws the same. `phases` run in this order every step, each with an optimiser of
    its own. `needs` are those of `tokens`, `features`, `samples` that a batch must hold.
    `segment_frames` is the length of the random crops (None: whole utterances). `exported` is
    what the moving average follows and `export` writes.
    """

    phases: tuple[str, ...]
    needs: frozenset[str]
    segment_frames: int | None
    spec: FeatureSpec
    exported: nn.Module

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Phase -> the module whose parameters that phase's optimiser updates."""

    def encode_text(self, text: str) -> Tokens:
        """A transcript as ids, asked for where `needs` holds `tokens`. Raises TextError."""
        raise NotImplementedError

    @abstractmethod
    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss (a scalar with a gradient) and detached scalar metrics."""

    @abstractmethod
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """Scalar metrics; called in evaluation mode without gradients."""

    @abstractmethod
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """Keys end in `.audio` (`[S]`) or `.image` (`[H, W]`, row 0 lowest)."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write `exported` as a model that `vivavoce speak` can load."""


class BuildTask(Protocol):
    def __call__(self, tables: Mapping[str, Any], speakers: tuple[str, ...]) -> Task: ...
