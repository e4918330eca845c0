"""Convolutions with half the products, on the CPU, with weights that no longer change.

Four outputs of a 4-tap filter take 7 products instead of 16: filter and signal are taken as
polynomials, multiplied at seven points and interpolated (Toom 1963; Winograd 1980, as in Lavin and
Gray 2016, arXiv:1509.09308). Filters of 3 and 5 taps take 6 and 8 points; a longer one is a sum of
4-tap ones, each a tile further on. Every step is one product of matrices, in one library's kernels:
the signal to the points, the filter at each of them, and back (docs/decisions/0018).
Shapes: C channels, K taps, D dilation, P points, G groups of taps, T time steps, H shares, N tiles
of 4 D steps in each of them; a tile takes every D-th step, for each of D phases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

TILE = 4
MOST_TAPS = 5  # of a filter that is not cut into groups
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # as many as needed, and infinity
ONE = POINTS.index(1.0)
SHORTEST = 128
"""Time steps from which on it pays: the filters at the points are twice as much to read."""
NARROWEST = 32
"""Channels from which on the saved products outweigh the transforms, where nothing was measured."""
CHUNK = 2**16
"""Values convolved at a time, so that what lies between stays in a core's cache; twice as many of
each of several shares, whose threads wait for one another after every step."""
FEWEST_STEPS = 512
"""As many steps at least, however wide: a chunk reads all of the filters."""
SHORT, SHORTEST_SHORT = (3, 5), 64
"""Taps of the filters that are no sum of longer ones, and steps from which on these pay."""


def pays_off(channels: int, out_channels: int, kernel: int, narrowest: int = NARROWEST) -> bool:
    """Where the saved products outweigh the transforms, as measured."""
    return kernel >= 3 and min(channels, out_channels) >= narrowest


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


class Filter:
    """A convolution's weight `[C', C, K]` (K odd) at the points, and how it is applied.

    `reach` and `spare` are the rows before and behind a signal that are read, and must be zeros.
    As many `shares` of a signal as there are threads lie one behind the other in all that is
    computed, each with its copy of the filters: a thread then goes on with what it made itself.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dilation: int = 1, shares: int = 1
    ) -> None:
        self.out_channels, self.channels, kernel = weight.shape
        taps = kernel if kernel <= MOST_TAPS else TILE
        self.groups, self.points = -(-kernel // taps), taps + TILE - 1
        self.dilation, self.bias, self.shares = dilation, bias, shares
        self.reach = dilation * (kernel - 1) // 2
        self.spare = dilation * (TILE * (self.groups + shares) + taps)
        matrices = transforms(taps)
        self.lead = () if shares == 1 else (shares,)
        self.product = torch.bmm if self.lead else torch.mm
        self.signal = matrices.signal.expand(*self.lead, -1, -1)
        self.output = matrices.output.expand(*self.lead, -1, -1)
        grouped = F.pad(weight, (0, taps * self.groups - kernel)).unflatten(2, (self.groups, taps))
        found = torch.einsum("pt,oigt->gpio", matrices.taps, grouped.float())
        self.at_points = found.repeat(1, shares, 1, 1).unbind()  # G of [H P, C, C']
        self.step = TILE * dilation
        chunk = max(CHUNK * min(shares, 2), FEWEST_STEPS * self.channels)
        self.most = max(1, chunk // (self.step * self.channels))
        widest = max(self.channels, self.out_channels)
        self.room = shares * self.points * (self.most + self.groups) * dilation * widest

    def __call__(
        self, rows: Tensor, first: int, length: int, space: Workspace, slope: float = 1.0
    ) -> Iterator[tuple[int, Tensor]]:
        """Convolves the `length` rows from `first` on of `rows` `[R, C]`, some tiles at a time.

        Gives the row at which a stretch begins and the stretch, as `by_tiles` has it; it is good
        until the next one is asked for. A `slope` is that of a leaky rectifier of what is read.
        """
        n_tiles = -(-length // (self.step * self.shares))
        size = -(-n_tiles // -(-n_tiles // self.most))
        for begin in range(0, n_tiles, size):
            n = min(size, n_tiles - begin)
            at = first + begin * self.step * self.shares
            yield at, self._stretch(rows, at - self.reach, space.views(self, n), slope)

    def _stretch(self, rows: Tensor, at: int, views: Views, slope: float) -> Tensor:
        read, steps, seen, parts, products, at_one, flat, made, shaped = views
        source = by_tiles(rows, at, read.shape, self.groups - 1)
        if slope == 1.0:
            read.copy_(source)
        else:
            torch.ops.aten.leaky_relu.out(source, slope, out=read)
        self.product(self.signal, steps, out=seen)
        torch.bmm(parts[0], self.at_points[0], out=products)
        for part, at_points in zip(parts[1:], self.at_points[1:], strict=True):
            products.baddbmm_(part, at_points)
        if self.bias is not None:
            at_one.add_(self.bias)  # every output takes the value at 1 exactly once
        self.product(self.output, flat, out=made)
        return shaped


def by_tiles(rows: Tensor, at: int, shape: Iterable[int], lap: int = 0) -> Tensor:
    """Rows `[R, C]` from `at` on as `[H, 4 or P, N, D C]`: steps of tiles, which may overlap.

    The last `lap` tiles of a share are the first ones of the next.
    """
    n_shares, count, n_tiles, width = shape
    start = rows.storage_offset() + at * rows.shape[1]
    strides = (n_tiles - lap) * TILE * width, width, TILE * width, 1
    return rows.as_strided((n_shares, count, n_tiles, width), strides, start)


class Views(NamedTuple):
    """The memory of a `Workspace` as the steps of a convolution see it.

    What is multiplied as a whole has no H where that is 1.
    """

    read: Tensor  # [H, P, N + G - 1, D C], in the first half
    steps: Tensor  # the same as [H, P, (N + G - 1) D C]
    seen: Tensor  # as much at the points, in the second half
    parts: list[Tensor]  # G of [H P, N D, C]: what each group multiplies
    products: Tensor  # [H P, N D, C'], in the first half again
    at_one: Tensor  # [H, N D, C']
    flat: Tensor  # [H, P, N D C']
    made: Tensor  # [H, 4, N D C'], in the second half again
    shaped: Tensor  # [H, 4, N, D C']


class Workspace:
    """Memory that convolutions use one after another. Of one call: two at once would mix."""

    def __init__(self, filters: Iterable[Filter]) -> None:
        size = max(f.room for f in filters)
        self.halves = torch.empty(size), torch.empty(size)
        self.kept: dict[tuple[int, ...], Views] = {}

    def views(self, f: Filter, n: int) -> Views:
        """For `n` tiles a share; those of filters alike are the same."""
        key = f.points, f.groups, f.dilation, f.channels, f.out_channels, n
        if key not in self.kept:
            self.kept[key] = self._views(f, n)
        return self.kept[key]

    def _views(self, f: Filter, n: int) -> Views:
        def shaped(half: int, *shape: int) -> Tensor:
            return self.halves[half][: torch.Size(shape).numel()].view(shape)

        d, count, tiles, shares = f.dilation, f.points, n + f.groups - 1, f.shares
        per_point = shaped(1, shares * count, tiles * d, f.channels)
        products = shaped(0, shares * count, n * d, f.out_channels)
        return Views(
            read=shaped(0, shares, count, tiles, d * f.channels),
            steps=shaped(0, *f.lead, count, tiles * d * f.channels),
            seen=shaped(1, *f.lead, count, tiles * d * f.channels),
            parts=[per_point[:, g * d : (g + n) * d] for g in range(f.groups)],
            products=products,
            at_one=products[ONE::count],
            flat=shaped(0, *f.lead, count, n * d * f.out_channels),
            made=shaped(1, *f.lead, TILE, n * d * f.out_channels),
            shaped=shaped(1, shares, TILE, n, d * f.out_channels),
        )


def convolve(x: Tensor, f: Filter) -> Tensor:
    """What `conv1d` gives with padding to the same length, to about 3e-6 of the largest value.

    `x` `[B, C, 1, T]` float32 on the CPU, channels last as is the result.
    """
    batch, channels, _, length = x.shape
    rows = x.new_zeros(f.reach + length + f.spare, channels)
    result = x.new_empty(batch, length + f.step * f.shares, f.out_channels)
    space = Workspace([f])
    for signal, target in zip(x[:, :, 0].transpose(1, 2), result, strict=True):
        rows[f.reach : f.reach + length] = signal
        for at, made in f(rows, f.reach, length, space):
            by_tiles(target, at - f.reach, made.shape).copy_(made)
    shaped = result[:, :length].transpose(1, 2).unsqueeze(2)
    return shaped.contiguous(memory_format=torch.channels_last)  # copies in a batch only


def short_pays_off(channels: int, out_channels: int, kernel: int) -> bool:
    """Where `convolve_short` is faster than a convolution, as measured."""
    return kernel in SHORT and min(channels, out_channels) >= 256


def convolve_short(x: Tensor, at_points: Tensor, bias: Tensor | None) -> Tensor:
    """What a convolution of 3 or 5 taps gives, padded to the same length, by half the products.

    `x` `[B, T, C]` float32 on the CPU, `at_points` from `short_filter`; the result `[B, T, C']`.
    """
    taps = len(at_points) - TILE + 1
    signal, _, output = transforms(taps)
    batch, length, channels = x.shape
    n_tiles, reach = -(-length // TILE), taps // 2
    padded = F.pad(x, (0, 0, reach, n_tiles * TILE + reach - length))
    shape = batch, n_tiles, len(signal), channels
    tiles = padded.as_strided(shape, (padded.stride(0), TILE * channels, channels, 1)).flatten(0, 1)
    seen = torch.bmm(signal.expand(len(tiles), -1, -1), tiles)
    products = torch.bmm(seen.transpose(0, 1), at_points).transpose(0, 1)
    steps = torch.bmm(output.expand(len(tiles), -1, -1), products)
    result = steps.view(batch, n_tiles * TILE, -1)[:, :length]
    return result if bias is None else result.add_(bias)


def short_filter(weight: Tensor) -> Tensor:
    """`[C', C, K]` to one matrix a point, `[P, C, C']`; MKL is faster where its rows are short."""
    found = torch.einsum("pk,ock->poc", transforms(weight.shape[2]).taps, weight).contiguous().mT
    # 6.3 ms for 8.1, cold (384 to 1024 channels, 450 steps, 6 points)
    return found if weight.shape[0] > weight.shape[1] else found.contiguous()
