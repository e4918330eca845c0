"""Work on long signals a stretch at a time, so that its steps stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TILE = 8192
"""Steps of the result at a time: 1 MiB of float32 in 32 channels, as measured."""
VALUES = TILE * 32
"""Steps times channels at a time: of fewer channels, more steps."""


def in_tiles(
    work: Callable[[Tensor], Tensor], x: Tensor, halo: int, rate: int, tile: int = TILE
) -> Tensor:
    """`work(x)` of `x` `[B, C, 1, T]`, `rate` steps for each of `x`, some `tile` steps at a time.

    A step of the result depends on `halo` steps of `x` on each side; at the two ends of `x` there
    is no context, as in one pass. Only on the CPU and without gradients; else it is one pass.
    """
    length = x.shape[-1]
    one_pass = x.device.type != "cpu" or torch.is_grad_enabled()
    if one_pass or length * rate <= tile * 3 // 2:
        return work(x)
    size = max(1, tile // rate)
    parts = []
    for start in range(0, length, size):
        stop = min(start + size, length)
        first, last = max(0, start - halo), min(length, stop + halo)
        found = work(x[..., first:last])
        parts.append(found[..., (start - first) * rate : (stop - first) * rate])
    return torch.cat(parts, -1)
