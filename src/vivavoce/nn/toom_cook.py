"""Long convolutions with half the products, on the CPU.

Four outputs of a 4-tap filter take 7 products instead of 16: filter and signal are taken as
polynomials, multiplied at seven points and interpolated (Toom 1963; Winograd 1980, as in Lavin and
Gray 2016, arXiv:1509.09308). A longer filter is a sum of 4-tap ones, each a tile further on, so at
each point it is a short convolution over tiles, which runs at the full speed of the library.
Shapes: B batch, C channels, K taps, T time steps, N tiles of 4 steps, G groups of 4 taps.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

TILE = 4
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # as many as needed, and infinity
ONE = POINTS.index(1.0)
N_POINTS = 2 * TILE - 1
SHORTEST = 1024
"""Time steps from which on the work on the weights is repaid where it is done every time."""
SHORTEST_READY = 128
"""The same where it was done before."""
SHORT = 3
"""Taps of the filters that are no sum of longer ones."""
CHUNK = 2**21
"""Values transformed at a time, so that they stay in the processor's cache."""


def pays_off(channels: int, kernel: int) -> bool:
    """Where the saved products outweigh the transforms, as measured."""
    return kernel >= 7 and kernel * channels >= 704


class Transforms(NamedTuple):
    """Matrices between steps and points, float32. Shapes: P points, K taps."""

    signal: Tensor  # [P, P]
    taps: Tensor  # [P, K]
    output: Tensor  # [TILE, P]


@cache
def transforms(taps: int) -> Transforms:
    """For `TILE` outputs of a filter of at most 5 taps, at the first of `POINTS` and infinity.

    Rows are scaled by powers of two, which is exact; the one of the point 1 is not scaled.
    """
    n_points = TILE + taps - 1

    def powers(count: int) -> np.ndarray:
        infinity = [[0.0] * (count - 1) + [1.0]]
        return np.array([[p**i for i in range(count)] for p in POINTS[: n_points - 1]] + infinity)

    signal = np.linalg.inv(powers(n_points)).T
    scale = 2.0 ** np.round(np.log2(np.abs(signal).max(axis=1, keepdims=True)))
    scale[ONE] = 1
    matrices = signal / scale, powers(taps) * scale, powers(TILE).T
    return Transforms(*(torch.from_numpy(m.astype(np.float32)) for m in matrices))


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    dilation: int,
    at_points: Tensor | None = None,
) -> Tensor:
    """What `conv1d` gives with padding to the same length, to about 3e-6 of the largest value.

    `x` `[B, C, 1, T]` float32 on the CPU, channels last as is the result; `weight` `[C', C, K]`
    with K odd, `at_points` what `filter_at_points` makes of it.
    """
    batch, channels, _, length = x.shape
    out_channels, _, kernel = weight.shape
    groups = -(-kernel // TILE)
    step = TILE * dilation  # a tile takes every `dilation`-th step, for each of the phases
    n_tiles = -(-length // step)
    pad = dilation * (kernel - 1) // 2
    padded = x.new_zeros(batch, (n_tiles + groups) * step, channels)
    padded[:, pad : pad + length] = x[:, :, 0].transpose(1, 2)
    result = x.new_empty(batch, n_tiles * step, out_channels)
    at_points = filter_at_points(weight) if at_points is None else at_points
    chunk = max(1, CHUNK // (step * channels))
    for first in range(0, n_tiles, chunk):
        last = min(first + chunk, n_tiles)
        span = padded[:, first * step : (last + groups) * step]
        tiles = _tiles(span, last - first + groups - 1, dilation, at_points, out_channels)
        steps = result[:, first * step : last * step]
        steps.view(batch, last - first, TILE, dilation, out_channels).copy_(tiles)
    if bias is not None:
        result += bias
    shaped = result[:, :length].transpose(1, 2).unsqueeze(2)
    return shaped.contiguous(memory_format=torch.channels_last)  # copies in a batch only


def short_pays_off(channels: int, out_channels: int, kernel: int) -> bool:
    """Where `convolve_short` is faster than a convolution, as measured."""
    return kernel == SHORT and min(channels, out_channels) >= 256


def convolve_short(x: Tensor, at_points: Tensor, bias: Tensor | None) -> Tensor:
    """What a convolution of 3 taps gives with padding to the same length, by 6 products for 12.

    `x` `[B, T, C]` float32 on the CPU, `at_points` from `short_filter`; the result `[B, T, C']`.
    """
    signal, _, output = transforms(SHORT)
    batch, length, channels = x.shape
    n_tiles, n_points = -(-length // TILE), len(signal)
    padded = F.pad(x, (0, 0, 1, n_tiles * TILE + 1 - length))
    shape = n_points, batch, n_tiles, channels
    read = padded.as_strided(shape, (channels, padded.stride(0), TILE * channels, 1))
    seen = (signal @ read.reshape(n_points, -1)).view(n_points, -1, channels)
    products = torch.bmm(seen, at_points)
    steps = (output @ products.view(n_points, -1)).view(TILE, batch, n_tiles, -1)
    result = steps.permute(1, 2, 0, 3).reshape(batch, n_tiles * TILE, -1)[:, :length]
    return result if bias is None else result.add_(bias)


def short_filter(weight: Tensor) -> Tensor:
    """`[C', C, 3]` to one matrix a point, `[6, C, C']`."""
    return torch.einsum("pk,ock->pco", transforms(SHORT).taps, weight).contiguous()


def filter_at_points(weight: Tensor) -> Tensor:
    """`[C', C, K]` to one filter over tiles a point, `[7 C', C, 1, G]`, channels last."""
    out_channels, channels, kernel = weight.shape
    groups = -(-kernel // TILE)
    taps = F.pad(weight, (0, TILE * groups - kernel)).view(out_channels, channels, groups, TILE)
    at_points = transforms(TILE).taps @ taps.permute(3, 0, 2, 1).reshape(TILE, -1)
    at_points = at_points.view(N_POINTS * out_channels, 1, groups, channels)
    return at_points.permute(0, 3, 1, 2)


def _tiles(span: Tensor, n: int, dilation: int, at_points: Tensor, out_channels: int) -> Tensor:
    """`[B, S, C]`, from which `n` tiles are read, to `[B, N, 4, phases, C']`."""
    signal, _, output = transforms(TILE)
    batch, _, channels = span.shape
    row = dilation * channels
    read = span.as_strided(
        (batch, dilation, n, N_POINTS, channels),
        (span.stride(0), channels, TILE * row, row, 1),
    )
    seen = torch.matmul(signal, read).view(batch, dilation, n, -1).permute(0, 3, 1, 2)
    products = F.conv2d(seen, at_points, groups=N_POINTS).permute(0, 2, 3, 1)
    products = products.reshape(batch, dilation, -1, N_POINTS, out_channels)
    steps = torch.matmul(output, products)  # [B, phase, N, 4, C']
    return steps.permute(0, 2, 3, 1, 4)
