"""Named pieces of Glow-TTS work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from vivavoce.audio.specs import COQUI_22K
from vivavoce.models.base import sentences
from vivavoce.models.glow.config import GlowConfig, GlowOptions
from vivavoce.models.glow.model import GlowTTS
from vivavoce.models.work import speaking, tokens
from vivavoce.nn.noise import Noise
from vivavoce.types import Workload

FULL = GlowConfig(n_tokens=130)
# Heads as wide as the official ones: GPUs choose the kernel of attention by that width.
TOY = GlowConfig(
    n_tokens=130,
    encoder_width=192,
    encoder_layers=2,
    encoder_ffn=24,
    duration_width=16,
    decoder_width=12,
    n_flows=2,
    flow_layers=2,
)
FRAMES_PER_TOKEN = 5


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The longest is 60 s of speech at five frames a token."""
    found = (
        _speaking("shortest", 1, 1),
        _speaking("typical", 1, 100),
        _speaking("longest", 1, 1034),
        _speaking("batch", 8, 100),
        Workload("speakers", "100 tokens by one of four speakers", _speakers),
        Workload("training", "one step on 4 x 60 tokens, 300 frames", _training),
    )
    return {work.name: work for work in found}


def random_model(config: GlowConfig, device: torch.device) -> GlowTTS:
    """Seeded weights that speak about five frames a token and use every layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GlowTTS(config, replace(COQUI_22K, n_mels=config.n_mels))
        for name, parameter in model.named_parameters():
            if ".end." in name or "prenet.projection" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.01)
        last = model.encoder.durations.projection
        assert last.bias is not None
        torch.nn.init.normal_(last.weight, 0.0, 0.01)  # far from where the frames are rounded
        torch.nn.init.constant_(last.bias, torch.tensor(1.0 + FRAMES_PER_TOKEN - 0.5).log().item())
    return model.to(device).freeze()


def _speaking(name: str, rows: int, count: int) -> Workload:
    options = GlowOptions(noise_scale=0.33)
    return speaking(
        name, lambda on, full: random_model(FULL if full else TOY, on), rows, count, options
    )


def _speakers(device: torch.device, full: bool = False) -> Callable[[], object]:
    config = replace(FULL if full else TOY, n_speakers=4, speaker_width=16)
    model = random_model(config, device)
    model.speaker_names = ("a", "b", "c", "d")
    asked = sentences([tokens(100)], model.voice("c"), GlowOptions())
    return lambda: list(model.generate(asked, Noise(0)))


def _training(device: torch.device, full: bool = False) -> Callable[[], object]:
    from vivavoce.models.glow.train import GlowTask

    model = random_model(FULL if full else TOY, device).requires_grad_(True).train()
    task = GlowTask(model)
    optimiser = torch.optim.AdamW(task.parameters(), 1e-4)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "tokens": torch.randint(3, 100, (4, 60), generator=generator),
        "token_lengths": torch.tensor([60, 50, 40, 30]),
        "features": torch.randn(4, model.config.n_mels, 300, generator=generator),
        "feature_lengths": torch.tensor([300, 280, 240, 200]),
        "speakers": torch.zeros(4, dtype=torch.long),
    }
    batch = {k: v.to(device) for k, v in batch.items()}

    def step() -> None:
        optimiser.zero_grad()
        task("model", batch, 1)[0].backward()
        optimiser.step()

    return step
