"""What a flow's backbone is: prepared once per trajectory, then asked at every point in time.

Shapes: B rows, N frames, D width, M mels, S points in time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.layers import InputEmbedding, TextEmbedding, TimeEmbedding
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.runtime.attention import RowLengths
from vivavoce.runtime.rotary import rotary_table


@dataclass(frozen=True)
class Context:
    """What stays the same along a trajectory.

    `constant` `[R, N, D]` is the input layer's share of reference and text; with guidance R is 2 B,
    the unconditioned rows last. `real` `[R, N]` and `rows` only where rows differ in length.
    `kept` is for an engine's own copies.
    """

    constant: Tensor
    rotary: Tensor
    real: Tensor | None = None
    rows: RowLengths | None = None
    kept: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def lengths(self) -> tuple[int, ...] | None:
        """Of the rows, where they differ."""
        return None if self.rows is None else self.rows.lengths


class F5Backbone(nn.Module, ABC):
    """Shared by DiT and UNetT. Products run in `dtype`; what is added up stays in float32."""

    blocks: nn.ModuleList
    extra_frames = 0

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.config = config
        self.dtype = torch.float32
        self.recompute = False  # blocks a second time in the backward pass, instead of keeping them
        self.engine: Callable[[Tensor, list[Tensor], Context], Tensor] | None = None
        self.time = TimeEmbedding(config.dim)
        self.text = TextEmbedding(config)
        self.input = InputEmbedding(config)
        self.output = nn.Linear(config.dim, config.n_mels)

    def context(
        self,
        reference: Tensor,
        ids: Sequence[Tensor],
        lengths: Sequence[int],
        guided: bool = False,
        drop_reference: bool = False,
        drop_text: bool = False,
    ) -> Context:
        """`reference` `[B, N, M]`, zero where speech is to be made; `ids[b]` `[L]`.

        `guided` adds a row per row that knows neither reference nor text; the two `drop`s take
        them from the first rows.
        """
        rows = [(drop_reference, drop_text)] + [(True, True)] * guided
        constant = torch.cat(
            [
                self.input.constant(
                    torch.zeros_like(reference) if no_reference else reference,
                    self._texts(ids, lengths, reference.shape[1], [no_text] * len(ids)),
                )
                for no_reference, no_text in rows
            ]
        )
        return self._surroundings(constant, list(lengths) * len(rows))

    def taught(
        self,
        x: Tensor,
        times: Tensor,
        reference: Tensor,
        ids: Sequence[Tensor],
        lengths: Sequence[int],
        drop_text: Sequence[bool],
    ) -> Tensor:
        """The flow in training: a point in time `[B]` and dropped conditions for each row.

        `x` and `reference` are `[B, N, M]`. Every row is computed as if it were alone.
        """
        texts = self._texts(ids, lengths, x.shape[1], drop_text)
        context = self._surroundings(self.input.constant(reference, texts), lengths)
        return self(x, self.schedule(times), context)

    def _surroundings(self, constant: Tensor, lengths: Sequence[int]) -> Context:
        """`constant` and what follows from the rows' lengths."""
        n_frames, device = constant.shape[1], constant.device
        rotary = rotary_table(n_frames + self.extra_frames, self.config.head_dim, device)
        if all(n == n_frames for n in lengths):
            return Context(constant, rotary)
        ends = torch.tensor(list(lengths), device=device)
        real = torch.arange(n_frames, device=device) < ends[:, None]
        seen = [n + self.extra_frames for n in lengths]
        attended = RowLengths.of(seen, n_frames + self.extra_frames, device, self.dtype)
        return Context(constant, rotary, real, attended)

    def _texts(
        self, ids: Sequence[Tensor], lengths: Sequence[int], n_frames: int, drop: Sequence[bool]
    ) -> Tensor:
        """`[B, N, text_dim]`: each row encoded at its own length."""
        rows = [self.text(row, n, d) for row, n, d in zip(ids, lengths, drop, strict=True)]
        together = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return nn.functional.pad(together, (0, 0, 0, n_frames - together.shape[1]))

    def forward(self, x: Tensor, schedule: list[Tensor], context: Context) -> Tensor:
        """The flow at `x` `[B, N, M]`: `[R, N, M]` float32, R as in the context."""
        if self.engine is not None:
            return self.engine(x, schedule, context)
        h = self.input(x, context.constant, context.real)
        return self.transform(h, schedule, context).float()

    def run(self, block: nn.Module, *inputs: object) -> Tensor:
        """A block, kept for the backward pass or to be computed again in it."""
        if self.recompute and torch.is_grad_enabled():
            return cast("Tensor", checkpoint(block, *inputs, use_reentrant=False))
        return block(*inputs)

    @abstractmethod
    def schedule(self, times: Tensor) -> list[Tensor]:
        """What the weights make of points in time `[S]`; entry s of each is handed to `forward`."""

    @abstractmethod
    def transform(self, h: Tensor, schedule: list[Tensor], context: Context) -> Tensor:
        """Embedded input `[R, N, D]` to flow `[R, N, M]`."""

    def forget_schedule_weights(self) -> None:
        """Let go of what only `schedule` needs; it cannot be called again."""
        self.time = nn.Identity()

    def freeze(self, arithmetic: Arithmetic) -> None:
        """For inference: products joined, in the order and number format of `arithmetic`."""
        self.dtype = arithmetic.dtype
        self.input.freeze(arithmetic)
        for block in cast("Iterable[Any]", self.blocks):
            block.freeze(arithmetic)
