"""Named pieces of Tortoise's work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from collections.abc import Callable

import torch

from vivavoce.models.base import placed, sentences
from vivavoce.models.tortoise.config import (
    DiffusionConfig,
    RankConfig,
    Sampler,
    TortoiseConfig,
    TortoiseOptions,
)
from vivavoce.models.tortoise.model import Tortoise
from vivavoce.nn.noise import Noise
from vivavoce.types import Audio, Tokens, Voice, Workload

FULL = TortoiseConfig()
# Heads as wide as the official ones: GPUs choose the kernel of attention by that width.
TOY = TortoiseConfig(
    width=128,
    depth=2,
    heads=2,
    code_tokens=302,
    start_code=300,
    stop_code=301,
    condition_blocks=1,
    rank=RankConfig(128, 1, 2, 32, code_tokens=300),
    diffusion=DiffusionConfig(128, 1, 2),
)
NEVER = -1e9
RATE = 44_100


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The stop code is forbidden, so that lengths are as stated."""
    found = (
        _speaking("shortest", "one token, one code, one take", 1, 1, 1),
        _speaking("typical", "40 codes of a sentence, the best of four takes", 60, 40, 4),
        _speaking("longest", "as many tokens and codes as fit, 23 s", FULL.max_text - 1, 500, 1),
        _speaking("batch", "three of different lengths, two takes each", 60, 20, 2, rows=3),
        _speaking("ancestral", "diffusion that draws noise at each step", 30, 20, 1, "ancestral"),
        Workload("recording", "12 s at 44.1 kHz made a voice, a word said with it", _recording),
        Workload("long-reference", "two recordings of 30 s made a voice", _long_reference),
    )
    return {work.name: work for work in found}


def random_model(config: TortoiseConfig, device: torch.device | str) -> Tortoise:
    """Seeded weights in which every layer has a say, ready for inference."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Tortoise(config)
        for name, parameter in model.named_parameters():
            if "proj_out" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.02)
        model.gpt.code_head.get_parameter("bias").data[config.stop_code] = NEVER
    return placed(model, device)


def random_voice(config: TortoiseConfig) -> Voice:
    generator = torch.Generator().manual_seed(1)
    latent = torch.randn(config.width, generator=generator)
    embedding = torch.randn(2 * config.diffusion.width, generator=generator)
    return Voice("noise", Tortoise.family, {"latent": latent, "embedding": embedding})


def _speaking(
    name: str,
    description: str,
    n_tokens: int,
    n_codes: int,
    takes: int,
    sampler: Sampler = "ddim",
    rows: int = 1,
) -> Workload:
    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        config = FULL if full else TOY
        model, voice = random_model(config, device), random_voice(config)
        options = TortoiseOptions(candidates=takes, steps=2, max_codes=n_codes, sampler=sampler)
        tokens = [_tokens(n_tokens - 9 * row) for row in range(rows)]
        return lambda: list(
            model.generate(sentences(tokens, voice, options), Noise(0, range(rows)))
        )

    return Workload(name, description, build)


def _recording(device: torch.device, full: bool = False) -> Callable[[], object]:
    model, audio = random_model(FULL if full else TOY, device), _noise(12)
    options = TortoiseOptions(candidates=1, steps=2, max_codes=3)

    def speak() -> object:
        voice = model.make_voice(audio)
        return list(model.generate(sentences([_tokens(3)], voice, options), Noise(0)))

    return speak


def _long_reference(device: torch.device, full: bool = False) -> Callable[[], object]:
    model, recordings = random_model(FULL if full else TOY, device), [_noise(30), _noise(30)]
    return lambda: model.make_voice(recordings)


def _noise(seconds: int) -> Audio:
    generator = torch.Generator().manual_seed(2)
    return Audio((0.1 * torch.randn(seconds * RATE, generator=generator)).numpy(), RATE)


def _tokens(n: int) -> Tokens:
    return Tokens(tuple(5 + i % 90 for i in range(n)), (0,) * n)
