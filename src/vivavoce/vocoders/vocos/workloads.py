"""Named pieces of Vocos' work at stated sizes. Knows the shapes only; weights are random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vivavoce.types import FeatureSpec, Workload
from vivavoce.vocoders.vocoder import decode_windowed, stream_windows
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos

TOY = VocosConfig(dim=32, hidden_dim=64, n_layers=2)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest, a batch, a stream and one training step."""
    return {
        w.name: w
        for w in (
            _decoding("shortest", 1, 2),
            _decoding("typical", 1, 563),
            _decoding("longest", 1, 5625),
            _decoding("batch", 8, 563),
            Workload("stream", "563 frames in windows of 128", _stream),
            Workload("training", "one step of both phases on 8 crops of 64 frames", _training),
        )
    }


def _parts(device: Any, full: bool, rows: int, frames: int) -> tuple[Vocos, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    spec = FeatureSpec()
    vocoder = Vocos(VocosConfig() if full else TOY, spec).to(device).eval().requires_grad_(False)
    features = torch.randn(rows, spec.n_channels, frames, generator=generator)
    return vocoder, features.to(device)


def _decoding(name: str, rows: int, frames: int) -> Workload:
    def build(device: Any, full: bool = False) -> Callable[[], Any]:
        vocoder, features = _parts(device, full, rows, frames)
        return lambda: decode_windowed(vocoder, features)

    return Workload(name, f"{rows} x {frames} frames", build)


def _stream(device: Any, full: bool = False) -> Callable[[], Any]:
    vocoder, features = _parts(device, full, 1, 563)
    return lambda: list(stream_windows(vocoder, [features], 128))


def _training(device: Any, full: bool = False) -> Callable[[], Any]:
    from vivavoce.vocoders.vocos.train import build_task

    toy = {"dim": TOY.dim, "hidden_dim": TOY.hidden_dim, "n_layers": TOY.n_layers}
    width = {} if full else {"discriminator_width": 0.05}
    task = build_task({"model": {} if full else toy, "loss": width}).to(device)
    generator = torch.Generator().manual_seed(0)
    n_samples = task.segment_frames * task.spec.hop_length
    samples = 0.1 * torch.randn(8, n_samples, generator=generator)
    batch = {"samples": samples.to(device), "sample_lengths": torch.full((8,), n_samples)}

    def step() -> None:
        for phase in task.phases:
            task.zero_grad()
            task(phase, batch, 0)[0].backward()

    return step
