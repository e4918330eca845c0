"""The convolution with fewer products gives what the plain one gives, to float32 rounding."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.tolerance import assert_near
from vivavoce.nn import toom_cook


@pytest.mark.parametrize(
    ("length", "kernel", "dilation"),
    [(1, 7, 1), (77, 11, 5), (401, 7, 3), (50, 3, 1), (99, 5, 6), (64, 9, 2)],
)
@pytest.mark.parametrize(("chunk", "shares"), [(toom_cook.CHUNK, 1), (500, 1), (500, 2), (99, 3)])
@torch.no_grad()
def test_equals_the_plain_convolution(monkeypatch, length, kernel, dilation, chunk, shares) -> None:
    monkeypatch.setattr(toom_cook, "CHUNK", chunk)
    monkeypatch.setattr(toom_cook, "FEWEST_STEPS", 1)
    torch.manual_seed(0)
    x = torch.randn(2, 12, 1, length).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(9, 12, kernel), torch.randn(9)
    padding = dilation * (kernel - 1) // 2
    exact = F.conv1d(
        x[:, :, 0].double(), weight.double(), bias.double(), padding=padding, dilation=dilation
    )
    found = toom_cook.convolve(x, toom_cook.Filter(weight, bias, dilation, shares))
    assert found.shape == (2, 9, 1, length)
    assert found.is_contiguous(memory_format=torch.channels_last) or length == 1
    assert_near(found[:, :, 0], exact)


@torch.no_grad()
def test_without_a_bias() -> None:
    x = torch.randn(1, 4, 1, 30).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(4, 4, 3)
    found = toom_cook.convolve(x, toom_cook.Filter(weight, None))
    assert_near(found[:, :, 0], F.conv1d(x[:, :, 0], weight, padding=1))
