"""BigVGAN's periodic activation between two low-pass filters, at twice the rate. Knows tensors.

Shapes: B batch, C channels, T time steps, N tiles of `TILE` steps.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.device import full_precision

TAPS = 12
CUTOFF = 0.25  # of the doubled rate: the first half of the spectrum passes
HALF_WIDTH = 0.3
HALO = 3
"""Steps on each side of which six taps of one phase reach; either filter has two phases."""
TILE = 16
CHUNK = 2**17
"""Values at the doubled rate worked on at a time, so that they stay in the processor's cache."""
TINY = 1e-9


@lru_cache(maxsize=1)
def lowpass() -> tuple[float, ...]:
    """The 12 taps of a sinc under a Kaiser window, with sum 1 (section 3.2; Karras 2021, app. C)."""
    attenuation = 2.285 * (TAPS // 2 - 1) * pi * 4 * HALF_WIDTH + 7.95
    window = np.kaiser(TAPS, 0.1102 * (attenuation - 8.7))  # Kaiser's rule above 50 dB
    time = np.arange(TAPS) - (TAPS - 1) / 2
    taps = window * np.sinc(2 * CUTOFF * time)
    return tuple((taps / taps.sum()).tolist())


@lru_cache(maxsize=1)
def _phases() -> tuple[Tensor, Tensor]:
    """Taps over steps -3..3 of the even and odd phase `[2, 7]`: upwards, and downwards.

    Zeros between the steps halve the sum, so the taps upwards are doubled.
    """
    taps = torch.tensor(lowpass())
    up, down = torch.zeros(2, 2 * HALO + 1), torch.zeros(2, 2 * HALO + 1)
    up[0, :-1], up[1, 1:] = 2 * taps[1::2].flip(0), 2 * taps[::2].flip(0)
    down[0, 1:], down[1, :-1] = taps[1::2], taps[::2]
    return up, down


@lru_cache(maxsize=1)
def _matrices() -> tuple[Tensor, Tensor]:
    """A tile at once: `[2 TILE, TILE + 6]` upwards and `[TILE, 2 (TILE + 6)]` downwards."""
    up, down = _phases()
    steps = TILE + 2 * HALO
    upwards, downwards = torch.zeros(TILE, 2, steps), torch.zeros(TILE, steps, 2)
    for n in range(TILE):
        upwards[n, :, n : n + 2 * HALO + 1] = up
        downwards[n, n : n + 2 * HALO + 1] = down.T
    return upwards.reshape(2 * TILE, steps), downwards.reshape(TILE, 2 * steps)


class Snake(nn.Module):
    """x + sin²(αx)/β for each channel, at twice the rate; same shape as `[B, C, 1, T]`.

    (Lee 2023, section 3.2; Ziyin 2020.) `beta` is α itself in the first version. Beyond its ends
    the signal, and what it is between the filters, goes on with its first and last value.
    """

    def __init__(self, channels: int, beta: bool, log_scale: bool) -> None:
        super().__init__()
        start = torch.zeros if log_scale else torch.ones
        self.alpha = nn.Parameter(start(channels))
        self.beta = nn.Parameter(start(channels)) if beta else None
        self.log_scale = log_scale

    def scales(self) -> tuple[Tensor, Tensor]:
        """α and 1/β, each `[C]`."""
        beta = self.alpha if self.beta is None else self.beta
        alpha, beta = (x.exp() if self.log_scale else x for x in (self.alpha, beta))
        return alpha, 1 / (beta + TINY)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_grad_enabled():
            return self._convolved(x[:, :, 0]).unsqueeze(2)
        alpha, scale = self.scales()
        rows = x[:, :, 0].transpose(1, 2).contiguous()
        with full_precision(x):
            tiled = [_tiled(row, alpha, scale) for row in rows]
        tiled = torch.stack(tiled) if len(tiled) > 1 else tiled[0].unsqueeze(0)
        return tiled.transpose(1, 2).unsqueeze(2)

    def _convolved(self, x: Tensor) -> Tensor:
        """`[B, C, T]` by plain convolutions; the two phases are channels, so nothing is longer."""
        channels = x.shape[1]
        up, down = (t.to(x).repeat(channels, 1) for t in _phases())
        alpha, scale = (s.repeat_interleave(2)[:, None] for s in self.scales())
        before, after = x[..., :1].expand(-1, -1, HALO), x[..., -1:].expand(-1, -1, HALO)
        x = torch.cat([before, x, after], -1)
        x = F.conv1d(x, up.unsqueeze(1), groups=channels)
        x = x + (alpha * x).sin().square() * scale
        before = x[:, ::2, :1].repeat_interleave(2, 1).expand(-1, -1, HALO)
        after = x[:, 1::2, -1:].repeat_interleave(2, 1).expand(-1, -1, HALO)
        x = torch.cat([before, x, after], -1)
        return F.conv1d(x, down.reshape(channels, 2, -1), groups=channels)


def _tiled(x: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """`[T, C]` float32 on the CPU: both filters as products with a matrix, tile by tile.

    Each chunk leaves the end of what is between the filters to the next; the result is three
    steps behind, which is cut off at the end.
    """
    length, channels = x.shape
    upwards, downwards = _matrices()
    n_tiles = -(-(length + HALO) // TILE)
    per_chunk = max(1, CHUNK // (2 * TILE * channels))
    behind = 4 * HALO
    held = x.new_empty(behind + per_chunk * 2 * TILE, channels)
    sines = torch.empty_like(held[behind:])
    result = x.new_empty(n_tiles * TILE, channels)
    for first in range(0, n_tiles, per_chunk):
        n = min(per_chunk, n_tiles - first)
        start, steps = first * TILE, n * TILE
        read = _lasting(x, start - HALO, start + steps + HALO)
        fresh = held[behind : behind + 2 * steps]
        _tile_product(upwards, read, TILE, fresh)
        sine = torch.mul(fresh, alpha, out=sines[: 2 * steps]).sin_()
        fresh.addcmul_(sine.mul_(sine), scale)
        if start == 0:
            held[:behind] = fresh[0]
        if start + steps > length:
            there = behind + 2 * max(0, length - start)
            held[there : behind + 2 * steps] = held[there - 1].clone()
        _tile_product(downwards, held[: behind + 2 * steps], 2 * TILE, result[start : start + steps])
        held[:behind] = held[2 * steps : 2 * steps + behind].clone()
    return result[HALO : HALO + length]


def _lasting(x: Tensor, start: int, stop: int) -> Tensor:
    """Rows `[start, stop)` of x `[T, C]`, whose first and last row last for ever."""
    length = len(x)
    inside = x[max(start, 0) : stop]
    before, after = max(-start, 0), max(stop - length, 0)
    if not before and not after:
        return inside
    return torch.cat([x[:1].expand(before, -1), inside, x[-1:].expand(after, -1)])


def _tile_product(matrix: Tensor, rows: Tensor, step: int, out: Tensor) -> None:
    """`matrix` times overlapping pieces of `rows` `[R, C]`, one beginning every `step` rows."""
    height, width = matrix.shape
    n, channels = len(out) // height, rows.shape[1]
    pieces = rows.as_strided((n, width, channels), (step * channels, channels, 1))
    torch.bmm(matrix.expand(n, -1, -1), pieces, out=out.view(n, height, channels))
