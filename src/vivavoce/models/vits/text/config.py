"""How a voice reads, as a value in its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from vivavoce.errors import ConfigError

PAD, START, END = "_", "^", "$"


@dataclass(frozen=True, kw_only=True)
class PiperText:
    """What a Piper voice's JSON says of phonemes.

    `ids` maps a phoneme (one code point, or a cluster of them) to its symbols; `replacements` are
    made before, code point by code point; `clusters` are joined, the longest first. `silence` is
    how many seconds of it follow a punctuation mark.
    """

    phoneme_type: Literal["espeak", "text"] = "espeak"
    ids: dict[str, tuple[int, ...]] = field(default_factory=dict)
    replacements: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()
    silence: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [symbol for symbol in (PAD, START, END) if symbol not in self.ids]
        if missing:
            raise ConfigError(
                f"The voice's phoneme_id_map lacks {', '.join(missing)}.",
                "Use the .json that belongs to the voice.",
            )


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """`kind` says whose rules: our English phonemes' (`arpabet`), Piper's, the publication's
    (`original`: espeak phonemes in its own alphabet), MMS' (letters, dropped where unknown) or
    those of a Coqui `config.json`, whose text-related keys are `coqui`.

    `language` is espeak's name of it, for MMS the ISO 639-3 code. `symbols` lie in the order of
    the embedding's rows. With `romanise` everything is put into Latin letters first.
    """

    kind: Literal["arpabet", "piper", "original", "mms", "coqui"] = "arpabet"
    language: str = "en-us"
    symbols: tuple[str, ...] = ()
    romanise: bool = False
    add_blank: bool = True
    piper: PiperText | None = None
    coqui: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if (self.kind == "coqui") != (self.coqui is not None):
            raise ConfigError("text.coqui belongs to text.kind = 'coqui', and only to it.")
        if (self.kind == "piper") != (self.piper is not None):
            raise ConfigError("text.piper belongs to text.kind = 'piper', and only to it.")
        if self.kind in ("mms", "original") and not self.symbols:
            raise ConfigError(f"text.kind = '{self.kind}' needs text.symbols.")
