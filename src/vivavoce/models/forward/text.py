"""Text -> tokens, as a model's training had it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vivavoce.text import arpabet
from vivavoce.text.normalise import normalise
from vivavoce.types import Tokens


@dataclass(frozen=True)
class ForwardTextConfig:
    """`arpabet`: English phonemes of our own, with stress."""

    kind: Literal["arpabet"] = "arpabet"
    language: str = "en"


def n_tokens(_config: ForwardTextConfig) -> int:
    """Size of the vocabulary."""
    return len(arpabet.SYMBOLS)


def encode(config: ForwardTextConfig, text: str) -> Tokens:
    """Raises TextError when nothing of `text` can be spoken."""
    return arpabet.encode(normalise(text, config.language))
