"""Named pieces of the model's work for audit, self-test and benchmarks: toy or bundled size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.base import sentences
from vivavoce.models.forward.config import ForwardConfig, ForwardOptions, StackConfig
from vivavoce.models.forward.model import Forward
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens, Workload

FULL = ForwardConfig(n_tokens=80)
# Heads as wide as the official ones: GPUs choose the kernel of attention by that width.
TOY = ForwardConfig(
    n_tokens=80,
    encoder=StackConfig("attention", 192, 24, 2, 5),
    pitch=StackConfig("convnext", 12, 24, 2),
    decoder=StackConfig("convnext", 16, 32, 2),
    duration_width=16,
)
FRAMES_PER_TOKEN = 6


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The longest is 60 s of speech at six frames a token."""
    found = (
        _speaking("shortest", 1, 1),
        _speaking("typical", 1, 100),
        _speaking("longest", 1, 937),
        _speaking("batch", 8, 100),
        Workload("training", "one step on 4 x 60 tokens, 360 frames", _training),
    )
    return {work.name: work for work in found}


def random_model(config: ForwardConfig, device: torch.device | str) -> Forward:
    """Seeded weights that speak about six frames a token, some of them voiced."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Forward(config, replace(VOCOS_24K, n_mels=config.n_mels))
        last = model.durations.projection
        torch.nn.init.normal_(last.weight, 0.0, 0.01)
        torch.nn.init.constant_(last.bias, torch.tensor(1.0 + FRAMES_PER_TOKEN).log().item())
    return model.to(device).freeze()


def _tokens(count: int) -> Tokens:
    return Tokens(tuple(3 + i % 70 for i in range(count)), (0,) * count)


def _speaking(name: str, rows: int, count: int) -> Workload:
    def build(device: torch.device | str, full: bool = False) -> Callable[[], Any]:
        model = random_model(FULL if full else TOY, device)
        tokens, voice = [_tokens(count)] * rows, model.voice()
        asked = sentences(tokens, voice, ForwardOptions())
        return lambda: list(model.generate(asked, Noise(0, range(rows))))

    return Workload(name, f"{rows} x {count} tokens", build)


def _training(device: torch.device | str, full: bool = False) -> Callable[[], Any]:
    from vivavoce.models.forward.train import ForwardTask

    model = random_model(FULL if full else TOY, device).requires_grad_(True).train()
    task = ForwardTask(model)
    optimiser = torch.optim.AdamW(task.parameters(), 1e-4)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([360, 300, 240, 180])
    batch = {
        "tokens": torch.randint(3, 70, (4, 60), generator=generator),
        "token_lengths": lengths // FRAMES_PER_TOKEN,
        "durations": torch.full((4, 60), float(FRAMES_PER_TOKEN)),
        "features": torch.randn(4, model.config.n_mels, 360, generator=generator),
        "feature_lengths": lengths,
        "pitch": 200 * (torch.rand(4, 360, generator=generator) > 0.3).float(),
    }
    batch = {name: value.to(device) for name, value in batch.items()}

    def step() -> None:
        optimiser.zero_grad()
        task("model", batch, 1)[0].backward()
        optimiser.step()

    return step
