"""The conditions that rules share; test_rules.py asks every one of them."""

from __future__ import annotations

import torch

from mpsaudit import conditions
from mpsaudit.calls import bind
from tests.mpsaudit.arguments import conv_back


def z(*shape):
    return torch.zeros(shape)


def guarded(name, *arguments):
    return conditions.guarded_sizes(bind(f"aten::{name}", arguments, {}))


def test_the_sizes_the_guard_looks_at():
    image, weight = z(2, 3, 100), z(5, 3, 7)
    assert guarded("convolution", image, weight, None, [2], [3], [1], False, [0], 1) == (2, 5, 50)
    assert guarded("_mps_convolution", image, weight, None, [3], [2], [1], 1) == (2, 5, 50)
    out = torch.nn.functional.conv1d(image, weight, stride=2, padding=3, dilation=4)
    found = guarded("convolution", image, weight, None, [2], [3], [4], False, [0], 1)
    assert found == tuple(out.shape)


def test_a_transposed_convolution_is_guarded_where_it_comes_in():
    """It runs the gradient of a convolution: the guard sees that gradient, not the result."""
    image, weight = z(2, 3, 100), z(3, 5, 16)
    assert guarded("convolution", image, weight, None, [8], [4], [1], True, [0], 1) == (2, 3, 100)
    grad = z(2, 5, 800)
    assert guarded("convolution_backward", *conv_back(grad, image, weight, True)) == (2, 3, 100)


def test_no_gradient_to_the_input_no_guard():
    skipped = conv_back(z(1, 4, 70_000), z(1, 1, 9), z(4, 1, 3), mask=(False, True, True))
    assert guarded("convolution_backward", *skipped) == ()
