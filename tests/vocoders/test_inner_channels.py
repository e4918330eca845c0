"""A linear layer in front of HiFi-GAN: WavLM's frames in windows are as whole."""

from __future__ import annotations

from dataclasses import replace

import torch

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.vocoders.base import decode_windowed
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan


@torch.inference_mode()
def test_windows_are_the_whole():
    config = HifiganConfig(
        width=16, rates=(4, 2), kernels=(8, 4), block_kernels=(3,), block_dilations=((1,),),
        inner_channels=12,
    )  # fmt: skip
    torch.manual_seed(0)
    spec = replace(XTTS_LATENTS, n_mels=24, hop_length=8)
    vocoder = Hifigan(config, spec).freeze()
    features = torch.randn(1, 24, 60)
    whole = vocoder.decode(features)
    windowed = decode_windowed(vocoder, features, None, 2 * vocoder.receptive_field + 5)
    assert whole.shape == (1, 480)
    assert (whole - windowed).abs().max() < 1e-5
