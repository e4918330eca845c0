"""Named pieces of BigVGAN's work at stated sizes. Knows the shapes only; weights are random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.types import Workload
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan
from vivavoce.vocoders.vocoder import decode_windowed, stream_windows

OFFICIAL = BigvganConfig()
TOY = BigvganConfig(
    width=16,
    rates=(4, 4, 4, 4),
    kernels=(8, 8, 8, 8),
    block_kernels=(3,),
    block_dilations=((3,),),
)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream; the official 24 kHz model."""
    return {
        w.name: w
        for w in (
            _decoding("shortest", 1, 1),
            _decoding("typical", 1, 500),
            _decoding("longest", 1, 5625),
            _decoding("batch", 4, 200),
            Workload("stream", "500 frames in windows of 160", _stream),
        )
    }


def _parts(device: Any, full: bool, rows: int, frames: int) -> tuple[Bigvgan, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vocoder = Bigvgan(OFFICIAL if full else TOY, BIGVGAN_24K)
        features = torch.randn(rows, BIGVGAN_24K.n_channels, frames)
    vocoder = vocoder.to(device).eval().requires_grad_(False)
    return vocoder, features.to(device)


def _decoding(name: str, rows: int, frames: int) -> Workload:
    def build(device: Any, full: bool = False) -> Callable[[], Any]:
        vocoder, features = _parts(device, full, rows, frames)
        return lambda: decode_windowed(vocoder, features)

    return Workload(name, f"{rows} x {frames} frames", build)


def _stream(device: Any, full: bool = False) -> Callable[[], Any]:
    vocoder, features = _parts(device, full, 1, 500)
    return lambda: list(stream_windows(vocoder, [features], 160))
