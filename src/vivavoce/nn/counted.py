"""Tasks whose losses are means over counted things: scored frames, codes, letters.

Sums and counts stay apart until all of an update's batches are known. So an update over several
batches is the update over one batch of all their rows, a batch may be cut into parts when memory
is short, and a row with nothing to score changes nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vivavoce.nn.task import Batch, Task


class CountedTask(Task):
    """One phase. `weights` is each term's factor in the loss.

    Every tensor of a batch, drawn or not, has the rows as its first dimension.
    """

    phases: tuple[str, ...] = ("model",)
    weights: Mapping[str, float]

    @abstractmethod
    def draw(self, batch: Batch) -> Batch:
        """The batch with every random number that its loss needs; from torch's global generators.

        Dropout alone is drawn later.
        """

    @abstractmethod
    def counts(self, drawn: Batch) -> dict[str, Tensor]:
        """Term -> how many values its loss is a mean over, a float32 scalar."""

    @abstractmethod
    def sums(self, drawn: Batch) -> dict[str, Tensor]:
        """Term -> the sum of its losses, with a gradient. Rows do not depend on one another."""

    def share(self, drawn: Batch, totals: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """What these rows contribute to the loss of an update that counts `totals`; and its terms.

        Contributions add up to the loss, terms to their means.
        """
        terms = {k: v / totals[k].clamp_min(1) for k, v in self.sums(drawn).items()}
        loss = torch.stack([self.weights[k] * v for k, v in terms.items()]).sum()
        return loss, {k: v.detach() for k, v in terms.items()}

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        drawn = self.draw(batch)
        return self.share(drawn, self.counts(drawn))

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        loss, terms = self(self.phases[0], batch, 0)
        return {"loss": loss.detach(), **terms}


def total(counts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The counts of all batches together."""
    return {k: torch.stack([c[k] for c in counts]).sum() for k in counts[0]}


def parts_of(drawn: Batch, parts: int) -> list[Batch]:
    """The rows in at most so many parts of nearly the same size."""
    rows = len(next(iter(drawn.values())))
    pieces = {k: v.tensor_split(min(parts, rows)) for k, v in drawn.items()}
    return [{k: v[i] for k, v in pieces.items()} for i in range(min(parts, rows))]
