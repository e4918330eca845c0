"""The filters are the reference's, and the activation is right at every length."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.tolerance import assert_near
from vivavoce.nn.convolution import laid_out
from vivavoce.vocoders.bigvgan import activation
from vivavoce.vocoders.bigvgan.activation import Snake, lowpass


@pytest.mark.parity
@pytest.mark.parametrize("name", ["bigvgan_v2_tiny", "bigvgan_snake_res2_tanh_tiny"])
def test_our_filters_are_the_recorded_ones(load_parity, name: str) -> None:
    weights = load_parity(name).weights
    filters = [value for key, value in weights.items() if key.endswith(".filter")]
    assert filters
    ours = torch.tensor(lowpass())
    for value in filters:
        assert_near(value.flatten(), ours, 2.0)


@pytest.mark.parametrize("beta", [False, True])
@pytest.mark.parametrize("length", [1, 2, 13, 14, 15, 16, 17, 100])
@pytest.mark.parametrize("chunk", [activation.CHUNK, 500])
@torch.no_grad()
def test_pieces_equal_the_whole(monkeypatch, beta: bool, length: int, chunk: int) -> None:
    """Against the two filters written out at the doubled rate, in float64."""
    monkeypatch.setattr(activation, "CHUNK", chunk)
    layer = Snake(6, beta, log_scale=True)
    for parameter in layer.parameters():
        parameter.normal_()
    x = torch.randn(2, 6, length)
    found = layer(laid_out(x))
    with torch.enable_grad():
        at_once = layer(laid_out(x))
    expected = at_double_rate(layer.double(), x.double())
    for result in (found, at_once):
        assert result.shape == (2, 6, 1, length)
        assert_near(result[:, :, 0], expected, 32.0)


def at_double_rate(layer: Snake, x: torch.Tensor) -> torch.Tensor:
    """Zeros between the steps, low-pass, activation, low-pass, every other step; ends last."""
    taps = torch.tensor(lowpass(), dtype=torch.float64).expand(6, 1, -1)
    x = F.pad(x, (8, 8), "replicate")
    spread = torch.stack([2 * x, torch.zeros_like(x)], -1).flatten(-2)
    fine = F.conv1d(spread, taps, groups=6, padding=6)[..., 16:-17]
    alpha = layer.alpha.exp()[:, None]
    beta = alpha if layer.beta is None else layer.beta.exp()[:, None]
    fine = fine + (alpha * fine).sin().square() / (beta + 1e-9)
    return F.conv1d(F.pad(fine, (5, 6), "replicate"), taps, stride=2, groups=6)


@torch.no_grad()
def test_a_constant_stays_and_an_alias_does_not() -> None:
    """x + sin²(x) of a constant passes both filters; what folds back from above does not."""
    layer = Snake(1, beta=False, log_scale=False)
    constant = layer(torch.full((1, 1, 1, 40), 0.7))
    expected = torch.full_like(constant, 0.7 + torch.tensor(0.7).sin().item() ** 2)
    assert_near(constant, expected, 16.0)
    time = torch.arange(2000)
    tone = (0.8 * torch.pi * time).sin()[None, None, None]  # sin² doubles it beyond the limit
    spectrum = torch.fft.rfft((layer(tone) - tone)[0, 0, 0] * torch.hann_window(2000)).abs()
    plain = torch.fft.rfft(tone[0, 0, 0].sin().square() * torch.hann_window(2000)).abs()
    alias = 400  # 1.6 π folds to 0.4 π
    assert spectrum[alias] < 0.5 * plain[alias]  # 12 taps are not steep
