"""From how many channels on convolutions with fewer products are faster on this CPU, and whether
each of its threads is to have a share of the signal: measured once per machine, then kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from vivavoce.nn.convolution import Conv, laid_out
from vivavoce.nn.toom_cook import NARROWEST, Filter, Workspace
from vivavoce.runtime.kernels import CACHE_FILE, least_seconds, machine_key
from vivavoce.runtime.measurements import MeasurementCache

WIDTHS = (32, 64, 128)
"""Channels that are tried; the widest counts for all wider ones."""
NEVER = 2**20
TAPS, DILATION = 5, 3
VALUES = 2**17
"""Steps times channels of the signal that is convolved: some 0.3 ms for 32 channels."""
MOST_SHARES, SHARED = 4, 64
"""Threads up to which each may have its share, with its copy of the filters; channels tried so."""
VERSION = 3
"""Raised when something else is measured."""


@dataclass(frozen=True)
class ConvolutionChoice:
    """`gains` are how many times as fast fewer products were, by the number of channels."""

    narrowest: int
    reason: str
    gains: dict[str, float] = field(default_factory=dict)
    shares: int = 1


def choose_convolution(cache_folder: Path | None) -> ConvolutionChoice:
    """From the cache, or measured now (0.05 s) and kept; without a folder nothing is measured."""
    if cache_folder is None:
        return ConvolutionChoice(NARROWEST, "nowhere to keep a measurement")
    cache = MeasurementCache(cache_folder / CACHE_FILE)
    key = f"{machine_key()} | convolutions {VERSION}"
    return cache.recall(key, ConvolutionChoice, measure)


@torch.inference_mode()
def measure(repeats: int = 7) -> ConvolutionChoice:
    """Time one convolution of each width both ways, in turn."""
    threads = torch.get_num_threads()
    ways = sorted({1, threads} if threads <= MOST_SHARES else {1})
    times = least_seconds([_fewer(SHARED, way) for way in ways], repeats)
    shares = ways[times.index(min(times))]
    gains = {width: _gain(width, shares, repeats) for width in WIDTHS}
    narrowest = NEVER
    for width in reversed(WIDTHS):
        if gains[width] < 1:
            break
        narrowest = width
    told = {str(width): round(gain, 2) for width, gain in gains.items()}
    if narrowest == NEVER:
        return ConvolutionChoice(NEVER, f"{gains[WIDTHS[-1]]:.2f} times as fast", told)
    reason = f"{gains[narrowest]:.2f} times as fast as direct ones at {narrowest} channels"
    return ConvolutionChoice(narrowest, reason, told, shares)


def _gain(channels: int, shares: int, repeats: int) -> float:
    layer = Conv(channels, channels, TAPS, DILATION).requires_grad_(False)
    layer.freeze(NEVER)
    x = laid_out(torch.ones(1, channels, VALUES // channels))
    direct, fewer = least_seconds((lambda: layer(x), _fewer(channels, shares)), repeats)
    return direct / fewer


def _fewer(channels: int, shares: int) -> Callable[[], object]:
    """One convolution with fewer products."""
    length = VALUES // channels
    f = Filter(torch.ones(channels, channels, TAPS), torch.ones(channels), DILATION, shares)
    rows = torch.ones(f.reach + length + f.spare, channels)
    space = Workspace([f])
    return lambda: [at for at, _ in f(rows, f.reach, length, space)]
