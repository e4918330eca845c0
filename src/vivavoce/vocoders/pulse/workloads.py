"""Named pieces of the pulse vocoder's work at stated sizes; weights are random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vivavoce.types import FeatureSpec, Workload
from vivavoce.vocoders.pulse.config import PulseConfig
from vivavoce.vocoders.pulse.model import PulseVocoder
from vivavoce.vocoders.work import decoding, streaming

TOY = PulseConfig(32, 64, 2, pitch_dim=16, pitch_layers=1, free_phase=True)
FULL = PulseConfig(free_phase=True)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream and one training step."""
    return {
        w.name: w
        for w in (
            decoding("shortest", _random, 1, 4),
            decoding("typical", _random, 1, 563),
            decoding("longest", _random, 1, 5625),
            decoding("batch", _random, 8, 563),
            streaming(_random, 563, 128),
            Workload("training", "one step on 2 crops of 64 frames", _training),
        )
    }


def _random(full: bool) -> PulseVocoder:
    return PulseVocoder(FULL if full else TOY, FeatureSpec())


def _training(device: torch.device | str, full: bool = False) -> Callable[[], Any]:
    from vivavoce.vocoders.pulse.train import PulseLoss, PulseTask

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loss = PulseLoss(segment_frames=64)
        task = PulseTask(FULL if full else TOY, FeatureSpec(), loss)
        batch = {
            "samples": 0.1 * torch.randn(2, 64 * task.spec.hop_length),
            "pitch": 200 * (torch.rand(2, 65) > 0.3).float(),
            "phase": torch.rand(2, 65),
        }
    task = task.to(device)
    batch = {name: value.to(device) for name, value in batch.items()}
    optimiser = torch.optim.AdamW(task.parameters(), 1e-4)

    def step() -> None:
        optimiser.zero_grad()
        task("model", batch, 0)[0].backward()
        optimiser.step()

    return step
