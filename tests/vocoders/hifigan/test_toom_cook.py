"""The convolution with fewer products gives what the plain one gives, to float32 rounding."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.vocoders.hifigan import Hifigan, HifiganConfig, toom_cook
from vivavoce.vocoders.vocoder import decode_windowed


@pytest.mark.parametrize(("length", "kernel", "dilation"), [(1, 7, 1), (77, 11, 5), (401, 7, 3)])
@pytest.mark.parametrize("chunk", [toom_cook.CHUNK, 500])
@torch.no_grad()
def test_equals_the_plain_convolution(monkeypatch, length, kernel, dilation, chunk) -> None:
    monkeypatch.setattr(toom_cook, "CHUNK", chunk)
    torch.manual_seed(0)
    x = torch.randn(2, 12, 1, length).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(9, 12, kernel), torch.randn(9)
    padding = dilation * (kernel - 1) // 2
    exact = F.conv1d(
        x[:, :, 0].double(), weight.double(), bias.double(), padding=padding, dilation=dilation
    )
    found = toom_cook.convolve(x, weight, bias, dilation)
    assert found.shape == (2, 9, 1, length)
    assert found.is_contiguous(memory_format=torch.channels_last) or length == 1
    assert (found[:, :, 0] - exact).abs().max() <= 1e-5 * exact.abs().max()


@torch.no_grad()
def test_a_wide_generator_decodes_the_same_with_and_without() -> None:
    torch.manual_seed(0)
    vocoder = Hifigan(HifiganConfig(width=256), HIFIGAN_22K).eval()
    chosen = [m for m in vocoder.modules() if getattr(m, "pays_off", False)]
    assert len(chosen) == 18  # 7 and 11 taps at 128 channels, 11 at 64
    mel = torch.randn(1, 80, 40)
    fast, windowed = vocoder.decode(mel), decode_windowed(vocoder, mel, window_frames=34)
    for module in chosen:
        module.pays_off = False
    plain = vocoder.decode(mel)
    assert (fast - plain).abs().max() <= 1e-5 * plain.abs().max()
    assert (windowed - plain).abs().max() <= 1e-5 * plain.abs().max()


def test_training_takes_the_plain_convolution(monkeypatch) -> None:
    monkeypatch.setattr(toom_cook, "convolve", None)
    vocoder = Hifigan(HifiganConfig(width=128), HIFIGAN_22K)
    vocoder(torch.randn(1, 80, 2)).sum().backward()
