"""Text of a model whose rules are those of a Coqui `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vivavoce.errors import BadCheckpoint
from vivavoce.text import coqui, espeak
from vivavoce.types import Tokens

KEYS = (
    *("model_args", "characters", "text_cleaner", "use_phonemes", "phoneme_language"),
    *("add_blank", "enable_eos_bos_chars", "phonemizer"),
)


@dataclass(frozen=True)
class CoquiTextConfig:
    """`coqui` holds the text-related keys of that file; without any, its defaults."""

    coqui: dict[str, Any] = field(default_factory=dict)

    def encode(self, text: str) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken, MissingExtra without espeak-ng."""
        return coqui.from_config(self.coqui).encode(text, phonemise=espeak.phonemise)


def text_table(foreign: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's table `text` from a Coqui `config.json`. Raises BadCheckpoint."""
    text = {key: foreign[key] for key in KEYS if foreign.get(key) is not None}
    for key in ("model_args", "characters"):
        if not isinstance(text.get(key, {}), dict):
            raise BadCheckpoint(f"The configuration's '{key}' is not a table.")
    return {"coqui": _without_none(text)}


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no word for nothing."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }
