"""Named pieces of HiFi-GAN's work at stated sizes. Knows the shapes only; weights are random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.types import Workload
from vivavoce.vocoders.hifigan.config import V1, V2, V3, HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.vocoder import decode_windowed, stream_windows

TOY: dict[str, Any] = {"width": 16, "block_kernels": (3, 5), "block_dilations": ((1, 3), (1,))}


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream; the paper's three sizes."""
    return {
        w.name: w
        for w in (
            _decoding("shortest", V1, 1, 1),
            _decoding("typical", V1, 1, 500),
            _decoding("typical_v2", V2, 1, 500),
            _decoding("typical_v3", V3, 1, 500),
            _decoding("longest", V1, 1, 5168),
            _decoding("batch", V1, 4, 200),
            Workload("stream", "500 frames in windows of 90", _stream),
        )
    }


def _parts(
    config: HifiganConfig, device: Any, full: bool, rows: int, frames: int
) -> tuple[Hifigan, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vocoder = Hifigan(config if full else replace(config, **TOY), HIFIGAN_22K)
        features = torch.randn(rows, HIFIGAN_22K.n_channels, frames)
    vocoder = vocoder.to(device).eval().requires_grad_(False)
    return vocoder, features.to(device)


def _decoding(name: str, config: HifiganConfig, rows: int, frames: int) -> Workload:
    def build(device: Any, full: bool = False) -> Callable[[], Any]:
        vocoder, features = _parts(config, device, full, rows, frames)
        return lambda: decode_windowed(vocoder, features)

    return Workload(name, f"{rows} x {frames} frames", build)


def _stream(device: Any, full: bool = False) -> Callable[[], Any]:
    vocoder, features = _parts(V1, device, full, 1, 500)
    return lambda: list(stream_windows(vocoder, [features], 90))
