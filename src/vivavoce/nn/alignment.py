"""Monotonic alignment search (paper section 3.3, algorithm 1)."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@torch.no_grad()
def maximum_path(score: Tensor, text_lengths: Tensor, frame_lengths: Tensor) -> Tensor:
    """The likeliest monotonic path that uses every token and every frame.

    `score` `[B, L, T]` log-likelihoods; lengths `[B]`. Returns a 0/1 path `[B, L, T]` on the device
    of `score`. The search is one step per frame, each too small for a GPU: it is done on the CPU,
    for all rows at once.
    """
    columns = score.float().permute(2, 0, 1).contiguous().cpu().numpy()  # [T, B, L]
    lengths = (n.cpu().numpy().astype(np.int64) for n in (text_lengths, frame_lengths))
    path = torch.from_numpy(_backtrack(_advances(columns), *lengths))
    return path.to(score.device).permute(1, 2, 0)


def _advances(columns: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the best path to (frame, row, token) comes from the token before: `[T, B, L]`."""
    n_frames, n_rows, n_tokens = columns.shape
    blocked = np.finfo(np.float32).min / 4
    best = np.full((n_rows, n_tokens), blocked, np.float32)
    best[:, 0] = columns[0, :, 0]
    earlier = np.full_like(best, blocked)
    advanced = np.zeros(columns.shape, np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite loss is noticed elsewhere
        for frame in range(1, n_frames):
            earlier[:, 1:] = best[:, :-1]
            np.greater(earlier, best, out=advanced[frame])
            np.maximum(best, earlier, out=best)
            best += columns[frame]
    return advanced


def _backtrack(
    advanced: NDArray[np.bool_], text_lengths: NDArray[np.int64], frame_lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    path = np.zeros(advanced.shape, np.float32)
    rows, token = np.arange(len(text_lengths)), text_lengths - 1
    for frame in range(len(advanced) - 1, -1, -1):
        active = frame_lengths > frame
        path[frame, rows, token] = active
        moves = (token >= frame) | advanced[frame, rows, token]
        token = token - (active & (token > 0) & moves)
    return path


def log_likelihoods(mean: Tensor, log_scale: Tensor, z: Tensor) -> Tensor:
    """Log N(z_t; mean_l, scale_l) for every token and frame: `[B, L, T]` from `[B, M, L|T]`."""
    precision = (-2 * log_scale).exp()
    constant = (-0.5 * math.log(2 * math.pi) - log_scale - 0.5 * mean.square() * precision).sum(1)
    squares = torch.matmul(precision.transpose(1, 2), -0.5 * z.square())
    cross = torch.matmul((mean * precision).transpose(1, 2), z)
    return constant.unsqueeze(2) + squares + cross


def expand_path(durations: Tensor, n_frames: int) -> Tensor:
    """Durations `[B, L]` (whole frames) -> 0/1 path `[B, L, T]`."""
    end = durations.cumsum(1).unsqueeze(2)
    frame = torch.arange(n_frames, device=durations.device)
    return ((frame < end) & (frame >= end - durations.unsqueeze(2))).to(torch.float32)
