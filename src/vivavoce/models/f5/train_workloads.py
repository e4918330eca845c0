"""Steps of F5 and E2 trainings for the audit, with gradients, clipping and optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.nn import lora
from vivavoce.types import Workload

Step = Callable[[], None]


def training_workloads(sizes: dict[str, tuple[F5Config, F5Config]], letters: str) -> list[Workload]:
    """`sizes` are the toy's and the official one of `f5` and `e2`."""

    def work(name: str, description: str, kind: str = "f5", **how: bool) -> Workload:
        def build(device: torch.device, full: bool = False) -> Step:
            return _step(sizes[kind][full], tuple(letters), device, **how)

        return Workload(name, description, build)

    return [
        work("training", "one step on three rows of up to 3.2 s"),
        work("training-e2", "E2: one step on three rows of up to 3.2 s", "e2"),
        work("training-adapters", "the same with adapters, blocks recomputed", adapters=True),
        work("training-bfloat16", "the same in bfloat16", lower=True),
    ]


def _step(
    config: F5Config,
    letters: tuple[str, ...],
    device: torch.device,
    adapters: bool = False,
    lower: bool = False,
) -> Step:
    from vivavoce.models.f5.train import F5Task
    from vivavoce.runtime import mixed_precision

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = F5TextConfig(letters, normalise=False)
        task = F5Task(F5TTS(replace(config, n_tokens=len(letters)), VOCOS_24K, text))
        if adapters:
            lora.attach(task.exported, task.adapter_targets, 16, 16.0)
    task = task.to(device).train()
    task.recompute(adapters)
    trained = [p for p in task.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, 1e-4, fused=True)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "tokens": torch.randint(0, len(letters), (3, 40), generator=generator),
        "token_lengths": torch.tensor([40, 35, 30]),
        "features": torch.randn(3, VOCOS_24K.n_mels, 304, generator=generator),
        "feature_lengths": torch.tensor([300, 280, 250]),
        "speakers": torch.zeros(3, dtype=torch.long),
    }
    batch = {name: values.to(device) for name, values in batch.items()}
    dtype = torch.bfloat16 if lower else torch.float32

    def step() -> None:
        optimiser.zero_grad()
        with mixed_precision(device, dtype):
            loss, _ = task("model", batch, 0)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()

    return step
