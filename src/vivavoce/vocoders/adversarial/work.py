"""The piece of work that every vocoder with discriminators names: one step of its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from vivavoce.types import Workload
from vivavoce.vocoders.adversarial.task import AdversarialTask

Tables = Mapping[str, Mapping[str, Any]]
ROWS = 2


def training(build: Callable[[Tables], AdversarialTask], toy: Tables) -> Workload:
    """One step of both phases on 2 crops, of the family's defaults or with the tables `toy`."""

    def work(device: torch.device, full: bool = False) -> Callable[[], object]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            task = build({} if full else toy)
            n_samples = task.segment_frames * task.spec.hop_length
            samples = 0.1 * torch.randn(ROWS, n_samples)
        task = task.to(device)
        lengths = torch.full((ROWS,), n_samples)
        batch = {"samples": samples.to(device), "sample_lengths": lengths.to(device)}
        optimisers = {
            phase: torch.optim.AdamW(part.parameters(), 1e-4)
            for phase, part in task.parts().items()
        }

        def step() -> None:
            for phase, optimiser in optimisers.items():
                optimiser.zero_grad()
                task(phase, batch, 0)[0].backward()
                optimiser.step()

        return step

    return Workload("training", f"one step of both phases on {ROWS} crops", work)
