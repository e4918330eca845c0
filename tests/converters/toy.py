"""A small whole converter of every family, with a vocoder that reads its latents."""

from __future__ import annotations

from functools import cache

import torch

from vivavoce.converters import CONVERTERS
from vivavoce.runtime import select
from vivavoce.speech.conversion import VoiceConverter
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan

KERNELS = {
    256: ((8, 8, 4), (16, 16, 8)),
    320: ((10, 8, 4), (20, 16, 8)),
    480: ((10, 8, 6), (20, 16, 12)),
}


def toy_vocoder(model) -> Hifigan:
    rates, kernels = KERNELS[model.spec.hop_length]
    width = 0 if model.family == "knnvc" else model.voice_width
    config = HifiganConfig(
        width=32,
        rates=rates,
        kernels=kernels,
        block_kernels=(3,),
        block_dilations=((1, 3),),
        condition_dim=width,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Hifigan(config, model.spec).freeze()


@cache
def toy(family: str) -> VoiceConverter:
    module = __import__(f"{CONVERTERS.folders[family]}.workloads", fromlist=["random_model"])
    model = module.random_model()
    return VoiceConverter(family, model, toy_vocoder(model), select("cpu"))
