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


def test_only_what_is_trained_is_followed_and_nothing_is_copied():
    layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    layers[0].requires_grad_(False)
    ema = Ema(layers, 0.9)
    assert set(ema.values) == {"1.weight", "1.bias"}
    own, average = layers[1].weight.data_ptr(), ema.values["1.weight"].data_ptr()
    with ema.applied():
        assert layers[1].weight.data_ptr() == average
    assert layers[1].weight.data_ptr() == own


def test_one_weight_under_two_names_is_exchanged_once():
    layers = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    layers[1].weight = layers[0].weight
    ema = Ema(layers, 0.5)
    before = layers[0].weight.detach().clone()
    nn.init.ones_(layers[0].weight)
    with ema.applied():
        assert torch.equal(layers[1].weight, before)
    assert torch.equal(layers[1].weight, torch.ones(2, 2))


def test_it_copies_until_it_begins_and_moves_every_so_often():
    layer = nn.Linear(1, 1, bias=False)
    ema = Ema(layer, 0.5, every=2, start=4)
    seen = []
    for value in range(1, 9):
        nn.init.constant_(layer.weight, float(value))
        ema.update()
        seen.append(ema.values["weight"].item())
    assert seen[1:5] == [2.0, 2.0, 4.0, 4.0]
    assert seen[5] == pytest.approx(4 * 7 / 16 + 6 * 9 / 16)  # the sixth decay: (1 + 6) / (10 + 6)
