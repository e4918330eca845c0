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
def test_frozen_layers_take_fewer_products_for_long_signals(monkeypatch) -> None:
    used = []
    original = toom_cook.convolve

    def watched(x, *rest):
        used.append(x.shape[-1])
        return original(x, *rest)

    monkeypatch.setattr(toom_cook, "convolve", watched)
    layer, x = Conv(40, 32, 7, dilation=3), torch.randn(2, 40, toom_cook.SHORTEST)
    plain = layer(laid_out(x))
    layer.freeze()
    assert_near(layer(laid_out(x)), plain)
    layer(laid_out(x[..., 1:]))
    assert used == [toom_cook.SHORTEST]
    with torch.enable_grad():  # whoever asks for gradients gets the plain one
        layer(laid_out(x))
    assert used == [toom_cook.SHORTEST]


def test_a_frozen_layer_keeps_its_names_and_values() -> None:
    layer, up = Conv(40, 32, 7), Upsampling(6, 4, 8, 4)
    kept = {n: t.clone() for n, t in (*layer.state_dict().items(), *up.state_dict().items())}
    layer.freeze()
    up.freeze()
    for module in (layer, up):
        assert set(module.state_dict()) == {"weight", "bias"}
    assert torch.equal(up.weight, kept["weight"])


@pytest.mark.parametrize("narrowest", [32, 64])
def test_a_layer_that_gains_nothing_keeps_nothing(narrowest: int) -> None:
    layer = Conv(32, 32, 3)
    layer.freeze(narrowest)
    assert (layer.filter is None) == (narrowest > 32)


@pytest.mark.parametrize(("kernel", "dilation"), [(7, 1), (3, 2)])
@torch.no_grad()
def test_one_output_is_a_product_and_a_sum(kernel: int, dilation: int) -> None:
    for bias in (True, False):
        layer, x = Conv(8, 1, kernel, dilation, bias=bias), torch.randn(2, 8, 50)
        padding = dilation * (kernel - 1) // 2
        expected = F.conv1d(x, layer.weight, layer.bias, padding=padding, dilation=dilation)
        assert_near(layer(laid_out(x))[:, :, 0], expected, 16.0)


@pytest.mark.parametrize("sizes", [(256, 260, 3), (260, 256, 3), (256, 256, 5)])
@pytest.mark.parametrize("length", [toom_cook.SHORTEST_SHORT - 1, 67, 200])
@torch.no_grad()
def test_a_frozen_convolution_of_few_taps_gives_the_same(monkeypatch, length, sizes) -> None:
    used = []
    original = toom_cook.convolve_short

    def watched(x, *rest):
        used.append(x.shape[1])
        return original(x, *rest)

    monkeypatch.setattr(toom_cook, "convolve_short", watched)
    layer, x = ShortConv(*sizes), torch.randn(2, length, sizes[0])
    expected = F.conv1d(x.transpose(1, 2), layer.weight, layer.bias, padding="same").transpose(1, 2)
    assert_near(layer(x), expected)
    assert not used
    layer.freeze()
    assert_near(layer(x), expected)
    assert used == ([length] if length >= toom_cook.SHORTEST_SHORT else [])
    assert layer.state_dict().keys() == {"weight", "bias"}


def test_a_narrow_or_long_convolution_keeps_nothing() -> None:
    for channels, taps in ((255, 3), (256, 7)):
        layer = ShortConv(channels, 256, taps)
        layer.freeze()
        assert layer.at_points is None
