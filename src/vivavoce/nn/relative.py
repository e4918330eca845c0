"""Learned numbers for how far two positions lie apart (T5, arXiv:1910.10683, section 2.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def buckets(positions: int, n_buckets: int, max_distance: int) -> Tensor:
    """The bucket of each distance from `1 - positions` to `positions - 1`, `[2 positions - 1]`.

    Half of the `n_buckets` are for what lies ahead. Near positions have a bucket each; far ones
    share, on a logarithmic scale up to `max_distance`.
    """
    away = torch.arange(1 - positions, positions)
    half = n_buckets // 2
    near, exact = away.abs(), half // 2
    spread = math.log(max_distance / exact)
    far = torch.log(near.clamp_min(1).float() / exact) / spread * (half - exact)
    far = (exact + far.long()).clamp_max(half - 1)
    return torch.where(near < exact, near, far) + half * (away > 0)


def by_pair(values: Tensor) -> Tensor:
    """Values of distances `[..., 2 N - 1]`, in the order of `buckets`, as `[..., N, N]`.

    Row n holds those from position n to every position.
    """
    return values.unfold(-1, (values.shape[-1] + 1) // 2, 1).flip(-2)
