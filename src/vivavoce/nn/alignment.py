"""Monotonic alignment search (paper section 3.3, algorithm 1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


@torch.no_grad()
def maximum_path(score: Tensor, text_lengths: Tensor, frame_lengths: Tensor) -> Tensor:
    """The likeliest monotonic path that uses every token and every frame.

    `score` `[B, L, T]` log-likelihoods; lengths `[B]`. Returns a 0/1 path `[B, L, T]`.
    Vectorised over the batch, one step per frame, on the device of `score`.
    """
    n_rows, n_tokens, n_frames = score.shape
    columns = score.float().permute(2, 0, 1).contiguous()  # [T, B, L]
    blocked = torch.finfo(torch.float32).min / 4
    best = torch.full((n_rows, n_tokens), blocked, device=score.device)
    best[:, 0] = columns[0, :, 0]
    advanced = torch.zeros_like(columns, dtype=torch.bool)
    wall = torch.full((n_rows, 1), blocked, device=score.device)
    for frame in range(1, n_frames):
        earlier = torch.cat([wall, best[:, :-1]], 1)
        torch.gt(earlier, best, out=advanced[frame])
        best = columns[frame] + torch.maximum(best, earlier)
    return _backtrack(advanced, text_lengths, frame_lengths).permute(1, 2, 0)


def _backtrack(advanced: Tensor, text_lengths: Tensor, frame_lengths: Tensor) -> Tensor:
    n_frames, n_rows, n_tokens = advanced.shape
    path = torch.zeros(n_frames, n_rows, n_tokens, device=advanced.device)
    token = (text_lengths - 1).long().unsqueeze(1)
    for frame in range(n_frames - 1, -1, -1):
        active = (frame_lengths > frame).unsqueeze(1)
        path[frame].scatter_(1, token, active.float())
        must = token >= frame
        step = active & (token > 0) & (must | advanced[frame].gather(1, token))
        token = token - step.long()
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
