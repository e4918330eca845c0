from __future__ import annotations

import pytest
import torch
from torch import nn

from vivavoce.train.ema import Ema


def test_it_warms_up_then_follows_slowly():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    ema = Ema(layer, 0.5)
    nn.init.ones_(layer.weight)
    ema.update()
    assert ema.values["weight"].item() == pytest.approx(1 - 2 / 11)
    expected = 1 - 2 / 11
    for n in range(2, 30):
        ema.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay)
    assert ema.values["weight"].item() == pytest.approx(expected)


def test_buffers_are_copied():
    norm = nn.BatchNorm1d(2)
    ema = Ema(norm, 0.9)
    norm(torch.randn(8, 2))
    ema.update()
    assert torch.equal(ema.values["running_mean"], norm.running_mean)
    assert ema.values["num_batches_tracked"].item() == 1


def test_the_modules_own_weights_come_back_even_after_an_error():
    layer = nn.Linear(2, 2)
    ema = Ema(layer, 0.9)
    average = ema.values["weight"].clone()
    nn.init.ones_(layer.weight)
    inside = []

    def fail() -> None:
        with ema.applied():
            inside.append(layer.weight.clone())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(inside[0], average)
    assert torch.equal(layer.weight, torch.ones(2, 2))
    assert torch.equal(ema.values["weight"], average)
