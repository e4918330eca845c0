"""Residual blocks with leaky rectifiers, on the CPU, with weights that no longer change.

The same as the modules of `generator.py` compute one layer after another, with fewer products
(nn/toom_cook.py) and fewer passes over memory: an activation is applied where a convolution reads,
or where the one before it writes. Shapes: B batch, C channels, T time steps, R rows of a buffer:
T steps, zeros before and behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from vivavoce.nn.convolution import Conv
from vivavoce.nn.toom_cook import SHORTEST, Filter, Workspace, by_tiles

if TYPE_CHECKING:
    from vivavoce.vocoders.generator import ResidualBlock

Pair = tuple[Filter, Filter | None]
"""A dilated convolution and, in blocks of type 1, the undilated one behind it."""


class FusedBlocks:
    """The weights of residual blocks of one width, of which the mean is taken."""

    def __init__(self, blocks: list[list[Pair]], slope: float) -> None:
        self.blocks, self.slope = blocks, slope
        self.filters = [f for block in blocks for pair in block for f in pair if f is not None]
        self.before = max(f.reach for f in self.filters)
        self.behind = max(f.spare for f in self.filters)

    @classmethod
    def of(cls, blocks: Iterable[ResidualBlock]) -> FusedBlocks | None:
        """None where an activation is another one or a convolution is better computed directly."""
        found: list[list[Pair]] = []
        slopes = set()
        for block in blocks:
            dilated, plain = _filters(block.dilated), _filters(block.plain)
            if len(dilated) + len(plain) < len(block.dilated) + len(block.plain):
                return None
            found.append(list(zip(dilated, plain or [None] * len(dilated), strict=True)))
            slopes |= {getattr(a, "negative_slope", None) for a in block.activations}
        slope = slopes.pop() if len(slopes) == 1 else None
        return None if slope is None else cls(found, slope)


def _filters(layers: nn.ModuleList) -> list[Filter]:
    convolutions = cast("list[Conv]", list(layers))
    return [layer.filter for layer in convolutions if layer.filter is not None]


class FusedRun:
    """Computes the mean of blocks again and again in the same memory; of one decoding."""

    def __init__(self, fused: FusedBlocks) -> None:
        self.fused, self.space = fused, Workspace(fused.filters)
        self.first = fused.before
        self.buffers: list[Tensor] = []

    @staticmethod
    def fits(x: Tensor) -> bool:
        """Whether `x` `[B, C, 1, T]` is worth it, and nothing is asked for but the result."""
        cpu = x.device.type == "cpu" and x.dtype == torch.float32
        return cpu and x.shape[-1] >= SHORTEST and not torch.is_grad_enabled()

    def __call__(self, x: Tensor) -> Tensor:
        """`[B, C, 1, T]` to the same shape, channels last."""
        batch, channels, _, length = x.shape
        self._make_room(length, channels)
        result = x.new_empty(batch, length, channels)
        for signal, mean in zip(x[:, :, 0].transpose(1, 2), result, strict=True):
            self._mean(signal, mean)
        return result.transpose(1, 2).unsqueeze(2)

    def _make_room(self, length: int, channels: int) -> None:
        rows = self.first + length + self.fused.behind
        if not self.buffers or len(self.buffers[0]) < rows:
            self.buffers = [torch.empty(rows, channels) for _ in range(5)]
            for buffer in self.buffers:
                buffer[: self.first].zero_()

    def _mean(self, signal: Tensor, mean: Tensor) -> None:
        length = len(signal)
        origin, between, *others = self.buffers
        origin[self.first : self.first + length] = signal
        self._end(origin, length)
        total: Tensor | None = None
        for block in self.fused.blocks:
            source = origin
            for dilated, plain in block:
                target = next(b for b in others if b is not source and b is not total)
                if plain is None:
                    self._add(dilated, source, self.fused.slope, source, target, length)
                else:
                    self._rectify(dilated, source, between, length)
                    self._add(plain, between, 1.0, source, target, length)
                source = target
            if total is None:
                total = source
            else:
                self._inside(total, length).add_(self._inside(source, length))
        assert total is not None
        torch.div(self._inside(total, length), len(self.fused.blocks), out=mean)

    def _rectify(self, f: Filter, source: Tensor, target: Tensor, length: int) -> None:
        """`target` becomes what the next convolution is to read."""
        slope = self.fused.slope
        for at, made in f(source, self.first, length, self.space, slope):
            torch.ops.aten.leaky_relu.out(made, slope, out=by_tiles(target, at, made.shape))
        self._end(target, length)

    def _add(
        self, f: Filter, source: Tensor, slope: float, residual: Tensor, target: Tensor, length: int
    ) -> None:
        """`target` becomes `residual` and what `f` makes of `source`."""
        for at, made in f(source, self.first, length, self.space, slope):
            place = by_tiles(target, at, made.shape)
            torch.add(by_tiles(residual, at, made.shape), made, out=place)
        self._end(target, length)

    def _inside(self, buffer: Tensor, length: int) -> Tensor:
        return buffer[self.first : self.first + length]

    def _end(self, buffer: Tensor, length: int) -> None:
        """Zeros behind the signal, where the last tiles have left something."""
        buffer[self.first + length :][: self.fused.behind].zero_()
