"""Rotary positions, by the fastest exact form on the device."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10000.0


BLOCK = 1024
"""Tables on devices are of whole blocks of positions, and kept: a copy waits for the device."""
_longest: dict[tuple[int, torch.device], Tensor] = {}


def rotary_table(n_positions: int, width: int, device: torch.device) -> Tensor:
    """Cosine and sine `[N, width / 2, 2]` of n / 10000^(2k / width).

    Made on the CPU in float32, as where models were trained, and moved.
    """
    if device.type == "cpu":
        return _table(n_positions, width)
    found = _longest.get((width, device))
    if found is None or len(found) < n_positions:
        with torch.inference_mode(False):
            found = _table(-(-n_positions // BLOCK) * BLOCK, width).to(device)
        _longest[width, device] = found
    return found[:n_positions]


def _table(n_positions: int, width: int) -> Tensor:
    frequencies = 1.0 / BASE ** (torch.arange(0, width, 2).float() / width)
    angles = torch.outer(torch.arange(n_positions).float(), frequencies)
    return torch.stack([angles.cos(), angles.sin()], dim=-1)


def rotated(x: Tensor, table: Tensor) -> Tensor:
    """`[..., N, H, K]` with its pairs (2k, 2k + 1) turned by the angle of (n, k); float32."""
    x, table = x.float(), table.unsqueeze(-3)
    if x.device.type != "mps" and not torch.is_grad_enabled():
        # A complex product is one pass over memory, and 2 launches in place of 14.
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * torch.view_as_complex(table)).flatten(-2)
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = table.unbind(-1)
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1).flatten(-2)
