"""Text -> tokens for a Glow-TTS, as its training had it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from vivavoce.errors import ConfigError
from vivavoce.text import arpabet, coqui, espeak
from vivavoce.text.normalise import normalise
from vivavoce.types import Tokens


@dataclass(frozen=True)
class GlowTextConfig:
    """`arpabet`: English phonemes of our own; `coqui`: the rules of a Coqui `config.json`.

    `coqui` holds that file's text-related keys. `normalise` applies to our own phonemes: Coqui's
    rules come with the cleaner that the model was trained with.
    """

    kind: Literal["arpabet", "coqui"] = "arpabet"
    language: str = "en"
    normalise: bool = True
    coqui: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if (self.kind == "coqui") != (self.coqui is not None):
            raise ConfigError("text.coqui belongs to text.kind = 'coqui', and only to it.")


def n_tokens(config: GlowTextConfig) -> int:
    """Size of the vocabulary."""
    if config.coqui is not None:
        return len(coqui.vocabulary(config.coqui))
    return len(arpabet.SYMBOLS)


def encode(config: GlowTextConfig, text: str) -> Tokens:
    """Raises TextError when nothing of `text` can be spoken, MissingExtra without espeak-ng."""
    if config.coqui is not None:
        return coqui.from_config(config.coqui).encode(text, phonemise=espeak.phonemise)
    return arpabet.encode(normalise(text, config.language) if config.normalise else text)
