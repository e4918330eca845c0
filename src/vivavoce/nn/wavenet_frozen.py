"""A coupling's convolutions on the CPU with weights that no longer change: start, WaveNet, end.

Four steps of a 5-tap convolution take 8 products instead of 20, as in nn/toom_cook.py. The
filters are taken to the points once. Frames lie as `[phase, tile]`, four
phases a tile, so that the transforms are plain products, and so is a convolution at each point.
Shapes: B rows, T frames, P points, N tiles (those of all rows, a zero tile between two),
C channels, H hidden channels, L layers, G speaker.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.toom_cook import ONE, TILE, transforms
from vivavoce.nn.wavenet import WaveNet


class FrozenLayer(NamedTuple):
    filters: Tensor  # [P, H, 2H]
    bias: Tensor  # [2H]
    residual: Tensor  # [H, H]; the last layer has none
    residual_bias: Tensor


class FrozenCoupling:
    """The weights, copied in the order in which they are multiplied."""

    @torch.no_grad()
    def __init__(self, start: nn.Conv1d, wavenet: WaveNet, end: nn.Conv1d) -> None:
        kernel: int = wavenet.inputs[0].kernel_size[0]  # type: ignore[index]
        matrices = transforms(kernel)
        self.signal = by_tile(matrices.signal, kernel // 2)
        self.output = matrices.output.contiguous()
        hidden = wavenet.width
        double = torch.ones(2 * hidden)
        double[:hidden] = 2  # see __call__
        self.start = matrix(start)
        self.start_bias: Tensor = start.bias  # type: ignore[assignment]
        self.layers, ends, skip_bias = [], [], torch.zeros(hidden)
        last = matrix(end)
        for conv, output in zip(wavenet.inputs, wavenet.outputs, strict=True):
            weight = conv.weight * double[:, None, None]  # type: ignore[operator]
            filters = (matrices.taps @ weight.flatten(0, 1).T).unflatten(1, (2 * hidden, hidden))
            out = 2 * matrix(output)  # type: ignore[arg-type]
            bias: Tensor = output.bias  # type: ignore[assignment]
            self.layers.append(
                FrozenLayer(
                    filters.transpose(1, 2).contiguous(),
                    conv.bias * double,  # type: ignore[operator]
                    out[:, :hidden].contiguous(),
                    bias[:hidden].clone(),
                )
            )
            ends.append(out[:, -hidden:] @ last)
            skip_bias = skip_bias + bias[-hidden:]
        condition = wavenet.condition
        self.condition: tuple[Tensor, Tensor] | None = None  # [G, L 2H]
        if condition is not None:
            wide = double.repeat(len(self.layers))
            self.condition = (matrix(condition) * wide, condition.bias * wide)  # type: ignore[operator]
        # [L H, C]: the skip connections' sum and the coupling's last convolution in one
        self.end = torch.cat(ends)
        self.end_bias = end.bias + skip_bias @ last  # type: ignore[operator]

    @staticmethod
    def fits(wavenet: WaveNet) -> bool:
        return all(
            conv.kernel_size[0] in (3, 5)
            and conv.dilation[0] == 1
            and conv.weight.device.type == "cpu"
            and conv.weight.dtype == torch.float32
            for conv in cast("list[nn.Conv1d]", list(wavenet.inputs))
        )

    def __call__(self, a: Tensor, real: Tensor, speaker: Tensor | None, rows: int) -> Tensor:
        """`[4 N, C]` of frames `a` `[4 N, C/2]`, of which `real` `[4 N, 1]` says which are real."""
        tiles, hidden = a.shape[0] // TILE, self.start.shape[1]
        padded = a.new_zeros(TILE, tiles + 2, hidden)
        x, real = padded[:, 1:-1], real.view(TILE, tiles, 1)
        torch.mul(torch.addmm(self.start_bias, a, self.start).view_as(x), real, out=x)
        biases = self._biases(speaker, tiles, rows)
        gated = a.new_empty(a.shape[0], len(self.layers), hidden)
        for i, (layer, bias) in enumerate(zip(self.layers, biases, strict=True)):
            y = self._convolve(padded, layer.filters, bias).sigmoid_()
            # tanh(u) = 2 sigmoid(2u) - 1, which is several times as fast; both 2 are in the weights
            torch.mul(y[:, :hidden].sub_(0.5), y[:, hidden:], out=gated[:, i])
            if i < len(self.layers) - 1:
                step = torch.addmm(layer.residual_bias, gated[:, i], layer.residual)
                x.addcmul_(step.view_as(x), real)
        return torch.addmm(self.end_bias, gated.flatten(1), self.end)

    def _convolve(self, padded: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
        """`[4, N + 2, H]` to `[4 N, 2H]`."""
        points, hidden, width = filters.shape
        tiles = padded.shape[1] - 2
        flat = padded.flatten(1)
        seen = padded.new_zeros(points, tiles * hidden)
        for away, phases, matrix in self.signal:
            first = (1 + away) * hidden
            seen.addmm_(matrix, flat[phases, first : first + tiles * hidden])
        products = torch.bmm(seen.view(points, tiles, hidden), filters)
        products[ONE] += bias  # every output takes the value at 1 exactly once
        return (self.output @ products.flatten(1)).view(-1, width)

    def _biases(
        self, speaker: Tensor | None, tiles: int, rows: int
    ) -> list[Tensor] | tuple[Tensor, ...]:
        """Per layer `[2H]`, or `[N, 2H]` with speakers."""
        own = [layer.bias for layer in self.layers]
        if self.condition is None or speaker is None:
            return own
        weight, bias = self.condition
        wide = (speaker.squeeze(2) @ weight + bias + torch.cat(own)).unsqueeze(1)
        wide = wide.expand(rows, (tiles + 1) // rows, -1).reshape(tiles + 1, -1)[:-1]
        return wide.chunk(len(own), 1)


def matrix(conv: nn.Conv1d) -> Tensor:
    """`[C, C']` of a convolution of width 1."""
    return conv.weight[:, :, 0].T.contiguous()


def by_tile(signal: Tensor, half: int) -> list[tuple[int, slice, Tensor]]:
    """The signal's transform for each tile that a tile reads: tiles away, phases there, matrix.

    `half` of the kernel reaches into the tile before and into the one behind.
    """
    return [
        (-1, slice(TILE - half, TILE), signal[:, :half].contiguous()),
        (0, slice(0, TILE), signal[:, half : half + TILE].contiguous()),
        (1, slice(0, half), signal[:, half + TILE :].contiguous()),
    ]


def to_tiles(x: Tensor) -> Tensor:
    """`[B, C, T]` to `[4 N, C]`, a zero tile after each row but the last."""
    per_row = -(-x.shape[2] // TILE) + 1
    x = F.pad(x, (0, per_row * TILE - x.shape[2])).unflatten(2, (per_row, TILE))
    x = x.permute(3, 0, 2, 1).flatten(1, 2)[:, :-1]
    return x.flatten(0, 1).contiguous()


def from_tiles(z: Tensor, rows: int, frames: int) -> Tensor:
    z = F.pad(z.unflatten(0, (TILE, -1)), (0, 0, 0, 1)).unflatten(1, (rows, -1))
    return z.permute(1, 3, 2, 0).flatten(2)[:, :, :frames]
