"""Toy F5 and E2 models of every kind, and a voice of one second: real in every part, never trained.

The vocabulary has small letters only.
"""

from __future__ import annotations

from dataclasses import replace

from vivavoce.models.f5.config import F5Options
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.workloads import TOY, TOY_E2, random_model, random_voice
from vivavoce.types import Tokens, Voice

KINDS = {
    "v1": TOY,
    "v0": replace(TOY, mask_text=False, rotary_heads=1),
    "e2": TOY_E2,
    "stretched": replace(TOY, stretch_text=True, qk_norm=True, long_skip=True),
}
QUICK = F5Options(steps=2, pruned=False, normalise=False)


def toy(kind: str = "v1", engine: str = "cpu") -> F5TTS:
    return random_model(KINDS[kind], engine)


def toy_voice() -> Voice:
    return random_voice(1.0)


def tokens(model: F5TTS, *texts: str) -> list[Tokens]:
    return [model.tokenise(text, toy_voice(), QUICK) for text in texts]
