"""What the loop asks of a family that can be trained. Knows no family; families do not import it.

A family's `train.py` offers `build_task(tables, speakers)`, where `tables` are the recipe's plain
`model`, `text`, `features` and `loss` tables, each parsed strictly by the family itself.
"""

from __future__ import annotations

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


class Task(Protocol):
    """An `nn.Module` that turns batches into losses.

    Randomness in `forward` comes from torch's global generators: the loop seeds them from the
    recipe's seed and the step number before each step, so that a resumed run draws the same.
    """

    phases: tuple[str, ...]
    """Run in this order every step, each with an optimiser of its own."""

    needs: frozenset[str]
    """Of `tokens`, `features`, `samples`."""

    segment_frames: int | None
    """Length of the random crops in frames; None trains on whole utterances."""

    spec: FeatureSpec
    exported: nn.Module
    """What the moving average follows and `export` writes."""

    def parts(self) -> dict[str, nn.Module]:
        """Phase -> the module whose parameters that phase's optimiser updates."""
        ...

    def encode_text(self, text: str) -> Tokens: ...

    def __call__(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss (a scalar with a gradient) and detached scalar metrics."""
        ...

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """Scalar metrics; called in evaluation mode without gradients."""
        ...

    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """For eye and ear: keys end in `.audio` (`[S]`) or `.image` (`[H, W]`, row 0 lowest)."""
        ...

    def export(self, folder: Path) -> None:
        """Write `exported` as a model that `vivavoce speak` can load."""
        ...


class BuildTask(Protocol):
    def __call__(self, tables: Mapping[str, Any], speakers: tuple[str, ...]) -> Any: ...
