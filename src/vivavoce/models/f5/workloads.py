"""Named pieces of F5 and E2 work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.base import placed, sentences
from vivavoce.models.f5.config import F5Config, F5Options
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.f5.train_workloads import training_workloads
from vivavoce.models.f5.voice import FAMILY, make_voice
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.types import Audio, Tokens, Voice, Workload

FULL = F5Config()
# Heads as wide as the official ones: GPUs choose the kernel of attention by that width.
TOY = F5Config(dim=64, depth=2, heads=2, text_dim=32, text_layers=2)
FULL_E2 = F5Config(
    backbone="unett", depth=24, ff_mult=4, text_dim=100, text_layers=0, mask_text=False,
    rotary_heads=1,
)  # fmt: skip
TOY_E2 = replace(FULL_E2, dim=64, depth=4, heads=2)
LETTERS = tuple(" abcdefghijklmnopqrstuvwxyz.,")
TRANSCRIPT = "some words that were said before. "
QUICK = F5Options(steps=2, pruned=False)
RATE = 24_000
RECORDED_RATE = 44_100


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. Two steps stand for any number: every one is the same."""
    found = (
        _speaking("shortest", "one syllable after a reference of 2 s", "a", 2),
        _speaking("typical", "6 s of speech after a reference of 6 s", _text(6), 6),
        _speaking("longest", "a full window of 22 s", _text(16), 6),
        _speaking("long-reference", "6 s after a reference of 15 s", _text(6), 15),
        _speaking("batch", "four of different lengths at once", _text(6), 6, rows=4),
        _speaking("midpoint", "a solver with two evaluations a step", _text(3), 4, midpoint=True),
        _speaking("bfloat16", "typical, its large products in bfloat16", _text(6), 6, lower=True),
        _speaking("e2", "E2: 6 s of speech after a reference of 6 s", _text(6), 6, e2=True),
        Workload("recording", "30 s at 44.1 kHz made a voice, 1 s said with it", _recording),
        Workload("edit", "one second replaced within 4 s", _edit),
        Workload("probe", "v0 or v1, by a reference of 4 s", _probe),
        *training_workloads({"f5": (TOY, FULL), "e2": (TOY_E2, FULL_E2)}, "".join(LETTERS)),
    )
    return {work.name: work for work in found}


def random_model(
    config: F5Config, device: torch.device | str, arithmetic: Arithmetic | None = None
) -> F5TTS:
    """Seeded weights in which every layer has a say: nothing starts at zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = F5TextConfig(LETTERS, normalise=False)
        model = F5TTS(replace(config, n_tokens=len(LETTERS)), VOCOS_24K, text)
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("modulation", ".output.", ".response.")):
                torch.nn.init.normal_(parameter, 0.0, 0.02)
    return placed(model, device, arithmetic)


def random_voice(seconds: float) -> Voice:
    """Noise, as long as a reference would be, with as many letters as it would have."""
    generator = torch.Generator().manual_seed(1)
    samples = 0.1 * torch.randn(round(seconds * RATE), generator=generator)
    transcript = (TRANSCRIPT * 10)[: round(15 * seconds)]
    return Voice("noise", FAMILY, {"samples": samples, "rms": torch.tensor(0.1)}, "en", transcript)


def _text(seconds: int) -> str:
    return ("more words, said now. " * 20)[: 15 * seconds]


def _speaking(
    name: str,
    description: str,
    text: str,
    reference_s: float,
    rows: int = 1,
    midpoint: bool = False,
    e2: bool = False,
    lower: bool = False,
) -> Workload:
    def build(
        device: torch.device, full: bool = False, exact: bool = False
    ) -> Callable[[], object]:
        config = (FULL_E2 if full else TOY_E2) if e2 else (FULL if full else TOY)
        arithmetic = Arithmetic(torch.bfloat16) if lower and not exact else None
        model, voice = random_model(config, device, arithmetic), random_voice(reference_s)
        options = replace(QUICK, method="midpoint") if midpoint else QUICK
        texts = [text[: len(text) - 7 * row] for row in range(rows)]
        tokens = [Tokens(tuple(range(len(t))), text=t) for t in texts]
        return lambda: list(
            model.generate(sentences(tokens, voice, options), Noise(0, range(rows)))
        )

    return Workload(name, description, build, partial(build, exact=True) if lower else None)


def _recording(device: torch.device, full: bool = False) -> Callable[[], object]:
    """Voices are made on the CPU, whatever the device: only the speaking happens there."""
    model = random_model(FULL if full else TOY, device)
    generator = torch.Generator().manual_seed(1)
    samples = 0.1 * torch.randn(30 * RECORDED_RATE, generator=generator)
    samples[8 * RECORDED_RATE : round(8.5 * RECORDED_RATE)] = 0  # where it is cut
    audio, tokens = Audio(samples.numpy(), RECORDED_RATE), [Tokens((0,), text=_text(1))]

    def speak() -> object:
        voice = make_voice(audio, "", "noise", transcriber=lambda heard, language: _text(8))
        return list(model.generate(sentences(tokens, voice, QUICK), Noise(0)))

    return speak


def _edit(device: torch.device, full: bool = False) -> Callable[[], object]:
    model, voice = random_model(FULL if full else TOY, device), random_voice(4)
    samples, keep, gaps = voice.tensors["samples"], [(0, 150), (240, 376)], [90, 0]
    return lambda: model.edit(samples, keep, gaps, _text(4), QUICK, Noise(0), voice)


def _probe(device: torch.device, full: bool = False) -> Callable[[], object]:
    model, voice = random_model(FULL if full else TOY, device), random_voice(4)
    return lambda: model.settle(voice)
