"""From how many channels on convolutions with fewer products are faster on this CPU: measured once
per machine, then kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from vivavoce.nn.convolution import Conv, laid_out
from vivavoce.nn.toom_cook import NARROWEST, Workspace
from vivavoce.runtime.kernels import CACHE_FILE, machine_key
from vivavoce.runtime.measurements import MeasurementCache

WIDTHS = (32, 64, 128)
"""Channels that are tried; the widest counts for all wider ones."""
NEVER = 2**20
TAPS, DILATION = 5, 3
VALUES = 2**16
"""Steps times channels of the signal that is convolved: some 0.3 ms for 32 channels."""
VERSION = 1
"""Raised when something else is measured."""


@dataclass(frozen=True)
class ConvolutionChoice:
    """`gains` are how many times as fast fewer products were, by the number of channels."""

    narrowest: int
    reason: str
    gains: dict[str, float] = field(default_factory=dict)


def choose_convolution(cache_folder: Path | None) -> ConvolutionChoice:
    """From the cache, or measured now (0.05 s) and kept; without a folder nothing is measured."""
    if cache_folder is None:
        return ConvolutionChoice(NARROWEST, "nowhere to keep a measurement")
    cache = MeasurementCache(cache_folder / CACHE_FILE)
    key = f"{machine_key()} | convolutions {VERSION}"
    return cache.recall(key, ConvolutionChoice, measure)


def measure(repeats: int = 7) -> ConvolutionChoice:
    """Time one convolution of each width both ways, in turn."""
    gains = {width: _gain(width, repeats) for width in WIDTHS}
    narrowest = NEVER
    for width in reversed(WIDTHS):
        if gains[width] < 1:
            break
        narrowest = width
    told = {str(width): round(gain, 2) for width, gain in gains.items()}
    if narrowest == NEVER:
        return ConvolutionChoice(NEVER, f"{gains[WIDTHS[-1]]:.2f} times as fast", told)
    reason = f"{gains[narrowest]:.2f} times as fast as direct ones at {narrowest} channels"
    return ConvolutionChoice(narrowest, reason, told)


@torch.inference_mode()
def _gain(channels: int, repeats: int) -> float:
    layer = Conv(channels, channels, TAPS, DILATION).requires_grad_(False)
    length = VALUES // channels
    x = laid_out(torch.ones(1, channels, length))
    layer.freeze(NEVER)

    def direct() -> Tensor:
        return layer(x)

    fewer = Conv(channels, channels, TAPS, DILATION).requires_grad_(False)
    fewer.freeze(channels)
    found = fewer.filter
    assert found is not None
    rows = torch.ones(found.reach + length + found.spare, channels)
    space = Workspace([found])

    def in_tiles() -> list[int]:
        return [at for at, _ in found(rows, found.reach, length, space)]

    return _seconds(direct, repeats) / _seconds(in_tiles, repeats)


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """The least of several: what else the machine does lengthens some of them."""
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best
