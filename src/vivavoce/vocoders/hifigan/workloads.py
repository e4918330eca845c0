"""Named pieces of HiFi-GAN's work at stated sizes. Knows the shapes only; weights are random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.types import Workload
from vivavoce.vocoders.hifigan.config import V1, V2, V3, HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.vocoder import decode_windowed, stream_windows

TOY = HifiganConfig(width=16)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest, a batch, a stream; the paper's three sizes."""
    return {
        w.name: w
        for w in (
            _decoding("shortest", V1, 1, 1),
            _decoding("typical", V1, 1, 500),
            _decoding("typical_v2", V2, 1, 500),
            _decoding("typical_v3", V3, 1, 500),
            _decoding("longest", V1, 1, 5000),
            _decoding("batch", V1, 4, 200),
            Workload("stream", "500 frames in windows of 90", _stream),
        )
    }


def _parts(
    config: HifiganConfig, device: Any, full: bool, rows: int, frames: int
) -> tuple[Hifigan, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    chosen = config if full else TOY
    vocoder = Hifigan(chosen, HIFIGAN_22K).to(device).eval().requires_grad_(False)
    features = torch.randn(rows, HIFIGAN_22K.n_channels, frames, generator=generator)
    return vocoder, features.to(device)


def _decoding(name: str, config: HifiganConfig, rows: int, frames: int) -> Workload:
    def build(device: Any, full: bool = False) -> Callable[[], Any]:
        vocoder, features = _parts(config, device, full, rows, frames)
        return lambda: decode_windowed(vocoder, features)

    return Workload(name, f"{rows} x {frames} frames", build)


def _stream(device: Any, full: bool = False) -> Callable[[], Any]:
    vocoder, features = _parts(V1, device, full, 1, 500)
    return lambda: list(stream_windows(vocoder, [features], 90))
