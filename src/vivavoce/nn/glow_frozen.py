"""The inverse flow on the CPU with weights that no longer change.

Four steps of a 5-tap convolution take 8 products instead of 20, as in nn/toom_cook.py. The
filters are taken to the points once. Frames lie as `[phase, tile]`, four
phases a tile, so that the transforms are plain products, and so is a convolution at each point.
Shapes: B rows, T squeezed frames, P points, N tiles (those of all rows, a zero tile between two),
C channels, H hidden channels, L layers, G speaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.glow_flow import FlowStep, GlowCoupling
from vivavoce.nn.toom_cook import ONE, TILE, transforms

Flows = Sequence[tuple[FlowStep, GlowCoupling]]


class PackedLayer(NamedTuple):
    filters: Tensor  # [P, H, 2H]
    bias: Tensor  # [2H]
    residual: Tensor  # [H, H]; the last layer has none
    residual_bias: Tensor


class PackedFlow(NamedTuple):
    start: Tensor  # [C/2, H]
    start_bias: Tensor
    layers: list[PackedLayer]
    condition: tuple[Tensor, Tensor] | None  # [G, L 2H]
    end: Tensor  # [L H, C]: the skip connections' sum and the coupling's last convolution in one
    end_bias: Tensor
    inverse: Tensor  # [C, C]
    inverse_bias: Tensor


class FrozenDecoder:
    """A decoder's weights, copied in the order in which `reverse` multiplies."""

    def __init__(self, flows: Flows) -> None:
        coupling = flows[0][1]
        self.sigmoid_scale = coupling.sigmoid_scale
        kernel: int = coupling.wavenet.inputs[0].kernel_size[0]  # type: ignore[index]
        matrices = transforms(kernel)
        self.signal = by_tile(matrices.signal, kernel // 2)
        self.output = matrices.output.contiguous()
        with torch.no_grad():
            self.flows = [pack(coupling, step, matrices.taps) for step, coupling in flows]

    @staticmethod
    def fits(flows: Flows) -> bool:
        convs = cast("list[nn.Conv1d]", [conv for _, c in flows for conv in c.wavenet.inputs])
        return all(
            c.kernel_size[0] in (3, 5)
            and c.dilation[0] == 1
            and c.weight.device.type == "cpu"
            and c.weight.dtype == torch.float32
            for c in convs
        )

    def reverse(self, x: Tensor, mask: Tensor, speaker: Tensor | None) -> Tensor:
        """What the decoder's plain form makes of squeezed frames `[B, C, T]`, mask `[B, 1, T]`."""
        rows = x.shape[0]
        z, real = to_tiles(x), to_tiles(mask)
        half = z.shape[1] // 2
        for flow in reversed(self.flows):
            out = self._coupling(flow, z[:, :half], real, speaker, rows)
            log_scale = out[:, half:]
            if self.sigmoid_scale:
                log_scale = torch.log(1e-6 + torch.sigmoid(log_scale + 2))
            z[:, half:].sub_(out[:, :half]).mul_(log_scale.neg_().exp_())
            z = torch.addmm(flow.inverse_bias, z, flow.inverse).mul_(real)
        return from_tiles(z, rows, x.shape[2])

    def _coupling(
        self, flow: PackedFlow, a: Tensor, real: Tensor, speaker: Tensor | None, rows: int
    ) -> Tensor:
        """Shift and log-scale `[4 N, C]` of frames `a` `[4 N, C/2]`."""
        tiles, hidden = a.shape[0] // TILE, flow.start.shape[1]
        padded = a.new_zeros(TILE, tiles + 2, hidden)
        x, real = padded[:, 1:-1], real.view(TILE, tiles, 1)
        torch.mul(torch.addmm(flow.start_bias, a, flow.start).view_as(x), real, out=x)
        biases = self._biases(flow, speaker, tiles, rows)
        gated = a.new_empty(a.shape[0], len(flow.layers), hidden)
        for i, (layer, bias) in enumerate(zip(flow.layers, biases, strict=True)):
            y = self._convolve(padded, layer.filters, bias).sigmoid_()
            # tanh(u) = 2 sigmoid(2u) - 1, which is several times as fast; both 2 are in the weights
            torch.mul(y[:, :hidden].sub_(0.5), y[:, hidden:], out=gated[:, i])
            if i < len(flow.layers) - 1:
                step = torch.addmm(layer.residual_bias, gated[:, i], layer.residual)
                x.addcmul_(step.view_as(x), real)
        return torch.addmm(flow.end_bias, gated.flatten(1), flow.end)

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
        self, flow: PackedFlow, speaker: Tensor | None, tiles: int, rows: int
    ) -> list[Tensor] | tuple[Tensor, ...]:
        """Per layer `[2H]`, or `[N, 2H]` with speakers."""
        own = [layer.bias for layer in flow.layers]
        if flow.condition is None or speaker is None:
            return own
        weight, bias = flow.condition
        wide = (speaker.squeeze(2) @ weight + bias + torch.cat(own)).unsqueeze(1)
        wide = wide.expand(rows, (tiles + 1) // rows, -1).reshape(tiles + 1, -1)[:-1]
        return wide.chunk(len(own), 1)


def pack(coupling: GlowCoupling, step: FlowStep, taps: Tensor) -> PackedFlow:
    wavenet = coupling.wavenet
    hidden = wavenet.width
    double = torch.ones(2 * hidden)
    double[:hidden] = 2  # see _coupling
    layers, ends, skip_bias = [], [], torch.zeros(hidden)
    end = _matrix(coupling.end)
    for conv, output in zip(wavenet.inputs, wavenet.outputs, strict=True):
        weight = conv.weight * double[:, None, None]  # type: ignore[operator]
        filters = (taps @ weight.flatten(0, 1).T).view(len(taps), 2 * hidden, hidden)
        out = 2 * _matrix(output)  # type: ignore[arg-type]
        bias: Tensor = output.bias  # type: ignore[assignment]
        layers.append(
            PackedLayer(
                filters.transpose(1, 2).contiguous(),
                conv.bias * double,  # type: ignore[operator]
                out[:, :hidden].contiguous(),
                bias[:hidden].clone(),
            )
        )
        ends.append(out[:, -hidden:] @ end)
        skip_bias = skip_bias + bias[-hidden:]
    condition = wavenet.condition
    if condition is not None:
        wide = double.repeat(len(layers))
        condition = (_matrix(condition) * wide, condition.bias * wide)  # type: ignore[operator]
    inverse, inverse_bias = step.inverse()
    return PackedFlow(
        _matrix(coupling.start),
        coupling.start.bias,  # type: ignore[arg-type]
        layers,
        condition,
        torch.cat(ends),
        coupling.end.bias + skip_bias @ end,  # type: ignore[operator]
        inverse.T.contiguous(),
        inverse_bias.flatten(),
    )


def _matrix(conv: torch.nn.Conv1d) -> Tensor:
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
