"""Crops that a row's own voice is taken from."""

from __future__ import annotations

import torch

from vivavoce.models.xtts import prompt

BOUNDS = (3.0, 6.0)


def test_a_crop_lies_inside_and_has_a_length_between_the_bounds():
    torch.manual_seed(0)
    lengths = [200_000] * 200
    found = prompt.spans(lengths, BOUNDS, draw=True)
    sizes = found[:, 1] - found[:, 0]
    assert found.min() >= 0
    assert found.max() <= 200_000
    assert 66_150 <= sizes.min() < 70_000
    assert 128_000 < sizes.max() <= 132_300


def test_half_of_a_recording_that_is_shorter():
    for size in (1000, 66_149):
        start, end = prompt.spans([size], BOUNDS, draw=True)[0].tolist()
        assert end - start == size // 2
        assert end <= size


def test_validation_takes_a_middle_length_from_the_start():
    assert prompt.spans([200_000, 50_000], BOUNDS, draw=False).tolist() == [
        [0, 99_225],
        [0, 25_000],
    ]


def test_crops_are_as_long_as_the_longest_with_zeros_behind():
    samples = torch.arange(1.0, 150_001).repeat(2, 1)
    out = prompt.crops(samples, torch.tensor([[10, 20], [0, 132_300]]), BOUNDS)
    assert out.shape == (2, 132_300)
    assert out[0, :10].tolist() == list(range(11, 21))
    assert not out[0, 10:].any()
    assert torch.equal(out[1], samples[1, :132_300])
