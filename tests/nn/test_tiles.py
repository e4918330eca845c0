"""Stretches of a signal, worked on apart, make up the whole."""

import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from vivavoce.nn.tiles import in_tiles


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100])
@pytest.mark.parametrize("rate", [1, 4])
def test_tiles_make_up_the_whole(length, rate):
    x = torch.randn(2, 3, 1, length)
    weight = torch.randn(2, 3, 1, 5)
    seen = []

    def work(part):
        seen.append(part.shape[-1])
        return conv2d(interpolate(part, scale_factor=(1, rate)), weight, padding=(0, 2))

    with torch.no_grad():
        found, whole = in_tiles(work, x, halo=2, rate=rate, tile=16), work(x)
    torch.testing.assert_close(found, whole)
    assert max(seen[:-1]) <= max(16 // rate + 4, 24 // rate)


def test_gradients_take_one_pass():
    x = torch.randn(1, 1, 1, 100, requires_grad=True)
    assert in_tiles(lambda part: part * 2, x, halo=0, rate=1, tile=10).requires_grad
