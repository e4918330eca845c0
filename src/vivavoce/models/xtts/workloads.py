"""Named pieces of XTTS work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from vivavoce.models.base import placed, sentences
from vivavoce.models.xtts.config import XttsConfig, XttsOptions
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.voice import FAMILY
from vivavoce.nn.noise import Noise
from vivavoce.nn.speaker_config import SpeakerConfig
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.types import Audio, Tokens, Voice, Workload

FULL = XttsConfig()
# Heads as wide as the official ones: GPUs choose the kernel of attention by that width.
TOY = XttsConfig(
    width=128,
    depth=2,
    heads=2,
    perceiver_heads=2,
    condition_blocks=2,
    speaker=SpeakerConfig(blocks=(1, 1, 1, 1), channels=(8, 8, 16, 16), width=32),
)
TEXT = 90
"""Tokens of a sentence of 6 s, about."""
NEVER = -1e9
RATE = 44_100


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The stop code is forbidden, so that lengths are as stated."""
    found = (
        _speaking("shortest", "one token, one code", 1, 1),
        _speaking("typical", "40 codes of a sentence: all are the same work", TEXT, 40),
        _speaking("longest", "as many tokens and codes as fit, 28 s", FULL.max_text, 602),
        _speaking("batch", "four of different lengths at once", TEXT, 40, rows=4),
        _speaking("greedy", "always the likeliest code", TEXT, 20, temperature=0.0),
        _speaking("bfloat16", "typical, its large products in bfloat16", TEXT, 40, lower=True),
        Workload("recording", "30 s at 44.1 kHz made a voice, a word said with it", _recording),
        Workload("long-reference", "two recordings of 30 s made a voice", _long_reference),
        Workload("training", "an update on two rows of 2 s, blocks computed twice", _training),
    )
    return {work.name: work for work in found}


def random_model(
    config: XttsConfig, device: torch.device | str, arithmetic: Arithmetic | None = None
) -> Xtts:
    """Ready for inference, with `random_weights`."""
    return placed(random_weights(config), device, arithmetic)


def random_weights(config: XttsConfig) -> Xtts:
    """Seeded weights in which every layer has a say: nothing starts at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Xtts(config)
        for name, parameter in model.named_parameters():
            if "proj_out" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.02)
        model.gpt.code_head.get_parameter("bias").data[config.stop_code] = NEVER
    return model


def _certain(model: Xtts) -> Xtts:
    """It always says the same code: where rounding is coarse, devices would draw different ones."""
    model.gpt.code_head.get_parameter("bias").data[0] = -NEVER
    return model


def random_voice(config: XttsConfig) -> Voice:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(config.n_latents, config.width, generator=generator)
    embedding = torch.randn(config.speaker.width, generator=generator)
    tensors = {"latents": latents, "embedding": embedding / embedding.norm()}
    return Voice("noise", FAMILY, tensors)


def _speaking(
    name: str,
    description: str,
    n_tokens: int,
    n_codes: int,
    rows: int = 1,
    temperature: float = 0.75,
    lower: bool = False,
) -> Workload:
    def build(
        device: torch.device, full: bool = False, exact: bool = False
    ) -> Callable[[], object]:
        config = FULL if full else TOY
        arithmetic = Arithmetic(torch.bfloat16) if lower and not exact else None
        model = random_model(config, device, arithmetic)
        if lower:
            _certain(model)
        voice = random_voice(config)
        options = XttsOptions(max_codes=n_codes, temperature=temperature)
        tokens = [_tokens(n_tokens - 9 * row) for row in range(rows)]
        return lambda: list(
            model.generate(sentences(tokens, voice, options), Noise(0, range(rows)))
        )

    return Workload(name, description, build, partial(build, exact=True) if lower else None)


def _recording(device: torch.device, full: bool = False) -> Callable[[], object]:
    config = FULL if full else TOY
    model, audio = _certain(random_model(config, device)), _noise(30)
    options = XttsOptions(max_codes=3)

    def speak() -> object:
        voice = model.make_voice(audio)
        return list(model.generate(sentences([_tokens(3)], voice, options), Noise(0)))

    return speak


def _long_reference(device: torch.device, full: bool = False) -> Callable[[], object]:
    model = random_model(replace(FULL if full else TOY, normalise_references=True), device)
    recordings = [_noise(30), _noise(30)]
    return lambda: model.make_voice(recordings)


def _training(device: torch.device, full: bool = False) -> Callable[[], object]:
    from vivavoce.models.xtts.train import XttsLoss, XttsTask

    model = random_weights(FULL if full else TOY)
    task = XttsTask(model, XttsLoss(prompt_s=(1.0, 2.0))).to(device).train()
    task.recompute(True)
    trained = [p for p in task.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, 1e-6)
    generator = torch.Generator().manual_seed(0)
    config = model.config
    batch = {
        "tokens": torch.randint(config.text_tokens, (2, 30), generator=generator),
        "token_lengths": torch.tensor([30, 20]),
        "samples": 0.1 * torch.randn(2, 2 * config.input_rate, generator=generator),
        "sample_lengths": torch.tensor([2 * config.input_rate, config.input_rate]),
        "codes": torch.randint(config.start_code, (2, 44), generator=generator),
        "code_lengths": torch.tensor([44, 22]),
        "speakers": torch.zeros(2, dtype=torch.long),
    }
    batch = {name: tensor.to(device) for name, tensor in batch.items()}

    def update() -> torch.Tensor:
        optimiser.zero_grad()
        loss, _ = task("model", batch, 0)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return update


def _noise(seconds: int) -> Audio:
    generator = torch.Generator().manual_seed(2)
    return Audio((0.1 * torch.randn(seconds * RATE, generator=generator)).numpy(), RATE)


def _tokens(n: int) -> Tokens:
    return Tokens(tuple(5 + i % 90 for i in range(n)), (0,) * n)
