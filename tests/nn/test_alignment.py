"""Monotonic alignment search against brute force, and paths from durations."""

import itertools

import pytest
import torch

from vivavoce.nn.alignment import expand_path, maximum_path


def brute_force(score):
    n_tokens, n_frames = score.shape
    monotonic = (
        path
        for path in itertools.product(range(n_tokens), repeat=n_frames)
        if path[0] == 0
        and path[-1] == n_tokens - 1
        and all(b - a in (0, 1) for a, b in itertools.pairwise(path))
    )
    return max(sum(float(score[t, f]) for f, t in enumerate(path)) for path in monotonic)


@pytest.mark.parametrize("seed", range(4))
def test_finds_the_best_path_of_every_row(seed):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(3, 4, 6, generator=generator)
    tokens, frames = torch.tensor([4, 3, 4]), torch.tensor([6, 6, 4])
    path = maximum_path(score, tokens, frames)
    for row, (n_tokens, n_frames) in enumerate(zip(tokens.tolist(), frames.tolist(), strict=True)):
        inside = path[row, :n_tokens, :n_frames]
        assert (inside.sum(0) == 1).all()
        assert (inside.sum(1) >= 1).all()
        assert path[row].sum() == n_frames
        found = float((path[row] * score[row]).sum())
        assert found == pytest.approx(brute_force(score[row, :n_tokens, :n_frames]), abs=1e-5)


def step_by_step(score, tokens, frames):
    """Algorithm 1 of the paper, one row and one cell at a time, in float32."""
    path = torch.zeros_like(score)
    for row, (n_tokens, n_frames) in enumerate(zip(tokens.tolist(), frames.tolist(), strict=True)):
        best = torch.full((n_tokens, n_frames), -torch.inf)
        best[0, 0] = score[row, 0, 0]
        for t in range(1, n_frames):
            for n in range(min(t + 1, n_tokens)):
                earlier = best[n - 1, t - 1] if n else -torch.inf
                best[n, t] = score[row, n, t] + max(best[n, t - 1], earlier)
        n = n_tokens - 1
        for t in range(n_frames - 1, -1, -1):
            path[row, n, t] = 1
            if n and (n >= t or best[n - 1, t - 1] > best[n, t - 1]):
                n -= 1
    return path


def test_equal_scores_and_long_rows_are_the_papers_path():
    """Whole numbers, so that many paths are equally likely: which one is taken is part of it."""
    generator = torch.Generator().manual_seed(9)
    score = torch.randint(-3, 1, (4, 9, 40), generator=generator).float()
    tokens, frames = torch.tensor([9, 1, 5, 9]), torch.tensor([40, 3, 40, 9])
    assert torch.equal(
        maximum_path(score, tokens, frames)[:, :, :40], step_by_step(score, tokens, frames)
    )


def test_durations_become_a_path():
    path = expand_path(torch.tensor([[2.0, 0.0, 3.0]]), 6)
    assert path[0].tolist() == [[1, 1, 0, 0, 0, 0], [0] * 6, [0, 0, 1, 1, 1, 0]]
