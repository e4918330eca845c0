"""Sizes of a HiFi-GAN generator."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.vocoders.generator_config import GeneratorConfig

SLOPE = 0.1
LAST_SLOPE = 0.01  # the published code leaves PyTorch's default here, and the weights know it


@dataclass(frozen=True)
class HifiganConfig(GeneratorConfig):
    """The paper's generator; its defaults are V1.

    `condition_dim` is the width of a speaker vector, 0 for none; with `condition_stages` it is
    added after every upsampling too (XTTS). `edge_frames` repeats the first and last frame, as
    Coqui does with its stand-alone vocoders. A linear layer brings features to `inner_channels`
    first, 0 for none (the vocoders of WavLM's frames).
    """

    condition_dim: int = 0
    condition_stages: bool = False
    edge_frames: int = 0
    inner_channels: int = 0


V1 = HifiganConfig()
V2 = HifiganConfig(width=128)
V3 = HifiganConfig(
    width=256,
    rates=(8, 8, 4),
    kernels=(16, 16, 8),
    block=2,
    block_kernels=(3, 5, 7),
    block_dilations=((1, 2), (2, 6), (3, 12)),
)
