"""Named pieces of Bark's work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from string import ascii_letters, digits, punctuation

import torch

from vivavoce.audio.specs import ENCODEC_24K
from vivavoce.models.bark.config import FRAME_RATE, BarkConfig, BarkOptions, GptConfig
from vivavoce.models.bark.model import Bark
from vivavoce.models.bark.text import BarkTextConfig
from vivavoce.models.bark.voice import FAMILY
from vivavoce.models.base import placed, sentences
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens, Voice, Workload

FULL = BarkConfig()
_NARROW = GptConfig(n_in=1, n_out=1, width=64, depth=2, heads=1)  # as wide as the official heads
LETTERS = ascii_letters + digits
VOCABULARY = " ".join(["[UNK]", *LETTERS, *(f"##{c}" for c in LETTERS), *punctuation])
TOY = BarkConfig(
    semantic=replace(_NARROW, n_in=260, n_out=48),
    coarse=replace(_NARROW, n_in=180, n_out=180),
    fine=replace(_NARROW, n_in=66, n_out=66, bias=True, norm_bias=True),
    semantic_tokens=40,
    codes=64,
    text_offset=48,
    text_pad=250,
    semantic_infer=254,
    coarse_pad=170,
    coarse_infer=172,
)


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The end is not drawn, so that lengths are as stated."""
    found = (
        _speaking("shortest", "one token of text, 0.05 s", 1, 0.05),
        _speaking("typical", "1 s of a sentence: all are the same work", 40, 1.0),
        _speaking("longest", "256 tokens, 7.5 s behind a long history", 256, 7.5, history_s=9.0),
        _speaking("batch", "three of 0.3 s", 40, 0.3, rows=3),
        _speaking("greedy", "always the likeliest, 0.3 s", 40, 0.3, temperature=0.0),
        _speaking("ended", "the end is watched for, and likely enough at once", 40, 0.0),
    )
    return {work.name: work for work in found}


def random_model(config: BarkConfig, device: torch.device | str) -> Bark:
    """Seeded weights, ready for inference."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Bark(config, ENCODEC_24K, BarkTextConfig(VOCABULARY))
    return placed(model, device)


def random_voice(config: BarkConfig, seconds: float, seed: int = 1, name: str = "noise") -> Voice:
    """Codes of so many seconds, drawn."""
    draws = torch.Generator().manual_seed(seed)
    n = round(seconds * config.semantic_rate)
    n_frames = round(n / config.semantic_rate * FRAME_RATE)
    fine = torch.randint(config.codes, (8, n_frames), generator=draws)
    semantic = torch.randint(config.semantic_tokens, (n,), generator=draws)
    return Voice(name, FAMILY, {"semantic": semantic, "coarse": fine[:2].clone(), "fine": fine})


def _speaking(
    name: str,
    description: str,
    n_tokens: int,
    seconds: float,
    rows: int = 1,
    history_s: float = 0.0,
    temperature: float = 0.7,
) -> Workload:
    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        config = FULL if full else TOY
        model = random_model(config, device)
        voice = random_voice(config, history_s) if history_s else model.voice()
        options = BarkOptions(
            temperature=temperature,
            waveform_temperature=temperature,
            fine_temperature=temperature,
            duration_s=seconds,
            end_probability=0.2 if seconds else 0.001,
        )
        ids = tuple(config.text_offset + i % 50 for i in range(n_tokens))
        batch = sentences([Tokens(ids, (0,) * n_tokens)] * rows, voice, options)
        return lambda: list(model.generate(batch, Noise(0, range(rows))))

    return Workload(name, description, build)
