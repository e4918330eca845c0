"""Convolutions in two dimensions are those in one; the one with fewer products where it pays."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.tolerance import assert_near
from vivavoce.nn import toom_cook
from vivavoce.nn.convolution import Conv, ShortConv, Upsampling, laid_out


@pytest.mark.parametrize("dilation", [1, 3])
@torch.no_grad()
def test_a_convolution_keeps_the_length(dilation: int) -> None:
    layer, x = Conv(6, 4, 7, dilation), torch.randn(2, 6, 50)
    expected = F.conv1d(x, layer.weight, layer.bias, padding=3 * dilation, dilation=dilation)
    assert_near(layer(laid_out(x))[:, :, 0], expected, 16.0)


@pytest.mark.parametrize(("kernel", "rate"), [(8, 4), (4, 2), (5, 3)])
@torch.no_grad()
def test_an_upsampling_multiplies_the_length(kernel: int, rate: int) -> None:
    layer, x = Upsampling(6, 4, kernel, rate), torch.randn(2, 6, 11)
    expected = F.conv_transpose1d(
        x, layer.weight, layer.bias, stride=rate, padding=(kernel - rate) // 2
    )
    assert expected.shape[-1] == 11 * rate
    assert_near(layer(laid_out(x))[:, :, 0], expected, 16.0)


@torch.no_grad()
def test_fewer_products_for_long_signals_only(monkeypatch) -> None:
    used = []
    original = toom_cook.convolve

    def watched(x, *rest):
        used.append(x.shape[-1])
        return original(x, *rest)

    monkeypatch.setattr(toom_cook, "convolve", watched)
    layer, x = Conv(128, 3, 7), torch.randn(1, 128, toom_cook.SHORTEST)
    assert layer.pays_off
    found = layer(laid_out(x))
    assert_near(found[:, :, 0], F.conv1d(x, layer.weight, layer.bias, padding=3))
    layer(laid_out(x[..., 1:]))
    assert used == [toom_cook.SHORTEST]


def test_training_takes_the_plain_convolution(monkeypatch) -> None:
    monkeypatch.setattr(toom_cook, "convolve", None)
    layer = Conv(128, 3, 7)
    layer(laid_out(torch.randn(1, 128, toom_cook.SHORTEST))).sum().backward()
    assert layer.weight.grad is not None


def test_a_frozen_layer_has_its_filter_ready_and_gives_the_same(monkeypatch):
    layer = Conv(128, 3, 7, dilation=3)
    x = laid_out(torch.randn(2, 128, toom_cook.SHORTEST_READY))
    with torch.no_grad():
        plain = layer(x)
        layer.freeze()
        monkeypatch.setattr(toom_cook, "filter_at_points", None)  # not asked again
        assert_near(layer(x), plain)
    assert "at_points" not in layer.state_dict()


def test_a_layer_that_gains_nothing_keeps_nothing():
    layer = Conv(8, 8, 3)
    layer.freeze()
    assert layer.at_points is None


@pytest.mark.parametrize("length", [toom_cook.SHORTEST_READY - 1, 131, 200])
@torch.no_grad()
def test_a_frozen_convolution_of_three_taps_gives_the_same(monkeypatch, length: int) -> None:
    used = []
    original = toom_cook.convolve_short

    def watched(x, *rest):
        used.append(x.shape[1])
        return original(x, *rest)

    monkeypatch.setattr(toom_cook, "convolve_short", watched)
    layer, x = ShortConv(256, 260, 3), torch.randn(2, length, 256)
    expected = F.conv1d(x.transpose(1, 2), layer.weight, layer.bias, padding=1).transpose(1, 2)
    assert_near(layer(x), expected)
    assert not used
    layer.freeze()
    assert_near(layer(x), expected)
    assert used == ([length] if length >= toom_cook.SHORTEST_READY else [])
    assert layer.state_dict().keys() == {"weight", "bias"}


def test_a_narrow_convolution_of_three_taps_keeps_nothing() -> None:
    for channels, taps in ((255, 3), (256, 5)):
        layer = ShortConv(channels, 256, taps)
        layer.freeze()
        assert layer.at_points is None
