"""Weights of one byte: how much is lost, and that rows do not hear of one another."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.tolerance import EPSILON, ROUNDINGS
from vivavoce.runtime.int8 import Int8Linear, available

pytestmark = pytest.mark.skipif(not available(), reason="this torch has no such product")


@pytest.fixture
def layer():
    return nn.Linear(256, 96).requires_grad_(False)


def inputs(rows):
    """Rows of very different size and range."""
    x = torch.randn(rows, 256) * torch.logspace(-3, 3, rows)[:, None]
    x[1::3] = x[1::3].abs() + 1
    x[2::3] = -x[2::3].abs()
    return x


def relative(found, expected):
    return ((found - expected).norm(dim=-1) / expected.norm(dim=-1)).max()


def test_what_rounding_costs(layer):
    x = inputs(30)
    assert 1e-4 < relative(Int8Linear(layer)(x), layer(x)) < 0.02


def test_a_row_is_the_same_alone_and_beside_others(layer):
    packed, x = Int8Linear(layer), inputs(30)
    alone = torch.cat([packed(row[None]) for row in x])
    assert relative(packed(x), alone) < ROUNDINGS * EPSILON
    assert relative(packed(x[7:9]), alone[7:9]) < ROUNDINGS * EPSILON


def test_shapes_stay(layer):
    packed = Int8Linear(layer)
    assert packed(torch.randn(2, 3, 256)).shape == (2, 3, 96)
    assert packed(torch.randn(1, 1, 256)).shape == (1, 1, 96)


def test_without_bias_and_with_zeros():
    layer = nn.Linear(64, 8, bias=False).requires_grad_(False)
    layer.weight[3] = 0
    packed = Int8Linear(layer)
    x = torch.randn(5, 64)
    x[2] = 0
    found = packed(x)
    assert found.isfinite().all()
    assert found[2].abs().max() == 0
    assert found[:, 3].abs().max() == 0
    assert packed(x[2:3]).abs().max() == 0
