"""The contract of a training task: batches in, losses out.

A family's `train.py` offers `build_task(tables, speakers)`, where `tables` are the recipe's plain
`model`, `text`, `features` and `loss` tables, each parsed strictly by the family itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from vivavoce.types import FeatureSpec, Tokens

Batch = dict[str, Tensor]
"""Those of these that the task needs, padded with zeros:

`tokens [B, L]` int64, `token_lengths [B]`, `features [B, M, T]` float32, `feature_lengths [B]`,
`samples [B, S]` float32, `sample_lengths [B]`; always `speakers [B]` int64.
"""


@dataclass(frozen=True, kw_only=True)
class ActivationShape:
    """Memory that the backward pass needs, from a model's sizes; bytes in float32.

    A position is a frame or a code. `block` is stored per position and block, `boundary` in its
    place if blocks are recomputed, `outside` per position outside the blocks, `scores` per
    position, block and position of the row, on devices that store attention scores.
    `lower` replaces `block` under bfloat16 autocast, `lower_weights` are the copies of one
    block's weights that autocast keeps. `row` are bytes per row that do not depend on its length.
    """

    blocks: int
    block: float
    boundary: float
    outside: float
    scores: float
    lower: float
    lower_weights: float
    positions_per_second: float
    row: float = 0.0


class Task(nn.Module, ABC):
    """Randomness in `forward` comes from torch's global generators.

    The loop seeds them from the recipe's seed and the step number before each step, so that a
    resumed run uses the same numbers. `phases` run in this order every step, each with its own
    optimiser. `needs` are those of `tokens`, `features`, `samples` that a batch must hold.
    `segment_frames` is the length of the random crops (None: whole utterances). `exported` is
    the module that the moving average follows and `export` writes.

    Optional: `groups` name patterns of parameters of `exported`, for `start.freeze` of a recipe;
    `adapter_targets` are patterns of the linear layers that adapters are for; `new_parts` are
    patterns of parameters that are trained in full beside adapters because the starting weights
    lack them, set by `take`; `inherited` are the keys of the starting model's manifest that an
    export keeps.
    """

    phases: tuple[str, ...]
    needs: frozenset[str]
    segment_frames: int | None
    spec: FeatureSpec
    exported: nn.Module
    groups: Mapping[str, tuple[str, ...]] = {}
    adapter_targets: tuple[str, ...] = ()
    new_parts: tuple[str, ...] = ()
    inherited: Mapping[str, str] = {}

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """Phase -> the module whose parameters that phase's optimiser updates."""

    def encode_text(self, text: str) -> Tokens:
        """The ids of a transcript; called if `needs` holds `tokens`. Raises TextError."""
        raise NotImplementedError

    def encode_row(self, text: str, language: str) -> Tokens:
        """As `encode_text`, for a row whose manifest may name its language."""
        return self.encode_text(text)

    def derived(self) -> Mapping[str, str]:
        """Kinds in `needs` that the task computes from samples once and caches, each with a text
        that changes when its values change.
        """
        return {}

    def derive(self, kind: str, samples: Tensor) -> Tensor:
        """The `kind` of a whole recording `[S]`: `[N]` or `[C, N]`. Raises VivavoceError."""
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
        """Write `exported` as a model that `vivavoce speak` can load, adapters merged."""

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """Start from the weights of a stored model, whose manifest's tables are `tables`.

        Raises NotImplementedError if the family always starts from random weights,
        BadCheckpoint if they do not fit.
        """
        raise NotImplementedError

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether weight decay applies to this parameter of a phase."""
        return parameter.ndim > 1

    def published_name(self, name: str) -> str:
        """The name of a tensor of `exported` in the family's published program, for adapters."""
        return name

    def activations(self) -> ActivationShape | None:
        """The sizes for the memory plan; None if the family has no plan."""
        return None

    def recompute(self, wanted: bool) -> bool:
        """Recompute blocks in the backward pass; False if the family cannot."""
        return False


class ExtendTables(Protocol):
    """A family's `extended`, in its `train.py`: the recipe's tables with a vocabulary that holds
    every token of `texts`; what it already holds keeps its place.
    """

    def __call__(self, tables: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]: ...


class BuildTask(Protocol):
    def __call__(self, tables: Mapping[str, Any], speakers: tuple[str, ...]) -> Task: ...
