"""Both forms of the rotation turn adjacent pairs by the position's angle."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.runtime.rotary import rotary_table, rotated


@pytest.mark.parametrize("grad", [False, True])
def test_pairs_turn_by_the_angle_of_their_position(grad):
    table = rotary_table(6, 8, torch.device("cpu"))
    x = torch.randn(2, 6, 3, 8)
    with torch.set_grad_enabled(grad):
        out = rotated(x, table)
    angles = torch.arange(6.0)[:, None] * 10000 ** (-torch.arange(0, 8, 2) / 8)
    turn = torch.polar(torch.ones(6, 4), angles)[None, :, None]
    expected = torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * turn)
    assert_near(out, expected.flatten(-2), 8.0)
