"""Pieces of work that every vocoder family names: decoding and streaming random features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vivavoce.audio.specs import COQUI_22K
from vivavoce.runtime.arithmetic import portable
from vivavoce.types import FeatureSpec, Workload
from vivavoce.vocoders.base import Vocoder, decode_windowed, stream_windows

Make = Callable[[bool], Vocoder]
"""A vocoder with random weights, at the official size if asked, else as a toy."""


def decoding(name: str, make: Make, rows: int, frames: int) -> Workload:
    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        vocoder, features, speaker = _parts(make, device, full, rows, frames)
        return lambda: decode_windowed(vocoder, features, condition=speaker)

    return Workload(name, f"{rows} x {frames} frames", build)


def streaming(make: Make, frames: int, window: int) -> Workload:
    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        vocoder, features, speaker = _parts(make, device, full, 1, frames)
        return lambda: list(stream_windows(vocoder, [features], window, speaker))

    return Workload("stream", f"{frames} frames in windows of {window}", build)


def _parts(
    make: Make, device: torch.device | str, full: bool, rows: int, frames: int
) -> tuple[Vocoder, Tensor, Tensor | None]:
    """Seeded, so that every device gets the same numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vocoder = make(full)
        features = torch.randn(rows, vocoder.accepts.n_channels, frames)
        speaker = torch.randn(rows, vocoder.condition_width, 1)
    if device == "mlx":
        return vocoder.on_mlx(), features, speaker if vocoder.condition_width else None
    frozen = portable(vocoder.to(device).eval().requires_grad_(False))
    speaker = speaker.to(device)
    return frozen, features.to(device), speaker if vocoder.condition_width else None


def usual(
    model: Callable[[Any, FeatureSpec], Vocoder],
    official: object,
    toy: object,
    spec: FeatureSpec = COQUI_22K,
    toy_spec: FeatureSpec | None = None,
) -> dict[str, Workload]:
    """What an audit asks of every vocoder: shortest, typical, longest (60 s), a batch, a stream."""

    def make(full: bool) -> Vocoder:
        return model(official, spec) if full else model(toy, toy_spec or replace(spec, n_mels=8))

    works = (
        decoding("shortest", make, 1, 1),
        decoding("typical", make, 1, 500),
        decoding("longest", make, 1, round(60 * spec.frame_rate)),
        decoding("batch", make, 4, 200),
        streaming(make, 500, 90),
    )
    return {work.name: work for work in works}
