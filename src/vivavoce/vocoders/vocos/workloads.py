"""Named pieces of Vocos' work at stated sizes. Weights are random."""

from __future__ import annotations

from collections.abc import Callable

import torch

from vivavoce.types import FeatureSpec, Workload
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos
from vivavoce.vocoders.work import decoding, streaming

TOY = VocosConfig(dim=32, hidden_dim=64, n_layers=2)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream and one training step."""
    return {
        w.name: w
        for w in (
            decoding("shortest", _random, 1, 2),
            decoding("typical", _random, 1, 563),
            decoding("longest", _random, 1, 5625),
            decoding("batch", _random, 8, 563),
            streaming(_random, 563, 128),
            Workload("training", "one step of both phases on 2 crops of 64 frames", _training),
        )
    }


def _random(full: bool) -> Vocos:
    return Vocos(VocosConfig() if full else TOY, FeatureSpec())


def _training(device: torch.device, full: bool = False) -> Callable[[], object]:
    from vivavoce.vocoders.vocos.train import build_task

    toy = {"dim": TOY.dim, "hidden_dim": TOY.hidden_dim, "n_layers": TOY.n_layers}
    width = {} if full else {"discriminator_width": 0.05}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        task = build_task({"model": {} if full else toy, "loss": width})
        n_samples = task.segment_frames * task.spec.hop_length
        samples = 0.1 * torch.randn(2, n_samples)
    task = task.to(device)
    lengths = torch.full((2,), n_samples)
    batch = {"samples": samples.to(device), "sample_lengths": lengths.to(device)}
    optimisers = {
        phase: torch.optim.AdamW(part.parameters(), 1e-4) for phase, part in task.parts().items()
    }

    def step() -> None:
        for phase, optimiser in optimisers.items():
            optimiser.zero_grad()
            task(phase, batch, 0)[0].backward()
            optimiser.step()

    return step
