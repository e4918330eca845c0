"""BigVGAN's periodic activation between two low-pass filters, at twice the rate.

The doubled rate is never laid out: its even and its odd steps are two signals of the given rate,
each filtered by every other of the 12 taps. Shapes: B batch, C channels, T time steps.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.convolution import laid_out
from vivavoce.runtime.constants import constant

TAPS = 12
CUTOFF = 0.25  # of the doubled rate: the first half of the spectrum passes
HALF_WIDTH = 0.3
HALO = 3
"""Steps on each side that six taps of the even and six of the odd steps reach together."""
CHUNK = 2**18
"""Values of one phase worked on at a time, so that they stay in the processor's cache."""
TINY = 1e-9


@lru_cache(maxsize=1)
def lowpass() -> tuple[float, ...]:
    """The 12 taps, symmetric, with sum 1: a sinc under a Kaiser window (Karras 2021, app. C)."""
    attenuation = 2.285 * (TAPS // 2 - 1) * pi * 4 * HALF_WIDTH + 7.95
    window = np.kaiser(TAPS, 0.1102 * (attenuation - 8.7))  # Kaiser's rule above 50 dB
    time = np.arange(TAPS) - (TAPS - 1) / 2
    taps = window * np.sinc(2 * CUTOFF * time)
    return tuple((taps / taps.sum()).tolist())


def alternate(first: int, channels: int) -> NDArray[np.float64]:
    """Every other tap from the `first` on, for each channel: `[C, 1, 1, 6]`."""
    return np.tile(np.array(lowpass()[first::2]), (channels, 1, 1, 1))


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

    def forward(self, x: Tensor) -> Tensor:
        alpha, beta = (
            (p.exp() if self.log_scale else p)[:, None, None]
            for p in (self.alpha, self.alpha if self.beta is None else self.beta)
        )
        scales = alpha, 1 / (beta + TINY)
        taps = (
            constant(alternate, 0, x.shape[1], like=x),
            constant(alternate, 1, x.shape[1], like=x),
        )
        if x.device.type != "cpu" or torch.is_grad_enabled():
            return _steps(x, 0, x.shape[-1], taps, scales)
        result = torch.empty_like(x)
        step = max(64, CHUNK // x.shape[1])
        for start in range(0, x.shape[-1], step):
            stop = min(start + step, x.shape[-1])
            result[..., start:stop] = _steps(x, start, stop, taps, scales)
        return result


def _steps(
    x: Tensor, start: int, stop: int, taps: tuple[Tensor, Tensor], scales: tuple[Tensor, Tensor]
) -> Tensor:
    """Steps `[start, stop)` of the result, of the whole signal x `[B, C, 1, T]`.

    `taps` are every other one from the first and from the second, `[C, 1, 1, 6]`; as the filter is
    symmetric, those of the even steps upwards are those of the odd steps downwards.
    """
    one, other = taps
    channels = x.shape[1]
    read = _lasting(x, start - 2 * HALO, stop + 2 * HALO)
    even = F.conv2d(read[..., :-1], 2 * one, groups=channels)
    odd = F.conv2d(read[..., 1:], 2 * other, groups=channels)
    if start == 0:
        first = even[..., HALO : HALO + 1].clone()
        even[..., :HALO], odd[..., :HALO] = first, first
    if stop == x.shape[-1]:
        last = odd[..., -HALO - 1 : -HALO].clone()
        even[..., -HALO:], odd[..., -HALO:] = last, last
    even, odd = _periodic(even, *scales), _periodic(odd, *scales)
    lower = F.conv2d(even[..., 1:], other, groups=channels)
    return lower.add_(F.conv2d(odd[..., :-1], one, groups=channels))


def _periodic(x: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """The activation of one phase; without gradients it takes the place of x."""
    sine = (alpha * x).sin_().square_()
    add = torch.addcmul if torch.is_grad_enabled() else Tensor.addcmul_
    return add(x, sine, scale)


def _lasting(x: Tensor, start: int, stop: int) -> Tensor:
    """Steps `[start, stop)` of x `[B, C, 1, T]`, whose first and last values last for ever."""
    length = x.shape[-1]
    inside = x[..., max(start, 0) : stop]
    before, after = max(-start, 0), max(stop - length, 0)
    if not before and not after:
        return inside
    first, last = x[..., :1].expand(-1, -1, -1, before), x[..., -1:].expand(-1, -1, -1, after)
    return laid_out(torch.cat([first, inside, last], -1)[:, :, 0])
