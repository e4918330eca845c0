"""What a Bark checkpoint is, and how one is asked to speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from vivavoce.errors import ConfigError
from vivavoce.options import Opt, Options

POSITIONS = 1024
PROMPT = 256
"""Positions of the text, and of the semantic tokens in a window of coarse codes."""
MOST_SEMANTIC = POSITIONS - PROMPT
"""Semantic tokens of an utterance, 15.4 s; those of Suno: with the prompt, all positions."""
COARSE_HISTORY, COARSE_STEP = 630, 60
"""Coarse codes that a window looks back to, and those that it adds."""
FINE_STEP = POSITIONS // 2
COARSE_BOOKS, BOOKS = 2, 8
FRAME_RATE = 75.0
"""Frames of codes a second, Hz."""


@dataclass(frozen=True, kw_only=True)
class GptConfig:
    """One of the three transformers: it reads `n_in` ids and scores `n_out`."""

    n_in: int
    n_out: int
    width: int = 1024
    depth: int = 24
    heads: int = 16
    bias: bool = False
    norm_bias: bool = False

    def __post_init__(self) -> None:
        if min(self.n_in, self.n_out, self.width, self.depth, self.heads) < 1:
            raise ConfigError("Sizes of a transformer of Bark must be at least 1.")
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} is not a multiple of heads {self.heads}.")


@dataclass(frozen=True, kw_only=True)
class BarkConfig:
    """Architecture; the defaults are Bark as Suno released it, in its large size.

    There are `semantic_tokens`, `semantic_rate` of them a second, behind which stands their end and
    pad. Text begins at `text_offset` among the ids that the first transformer reads.
    """

    semantic: GptConfig = field(default_factory=lambda: GptConfig(n_in=129_600, n_out=10_048))
    coarse: GptConfig = field(default_factory=lambda: GptConfig(n_in=12_096, n_out=12_096))
    fine: GptConfig = field(
        default_factory=lambda: GptConfig(n_in=1_056, n_out=1_056, bias=True, norm_bias=True)
    )
    semantic_tokens: int = 10_000
    semantic_rate: float = 49.9
    codes: int = 1024
    text_offset: int = 10_048
    text_pad: int = 129_595
    semantic_infer: int = 129_599
    coarse_pad: int = 12_048
    coarse_infer: int = 12_050

    def __post_init__(self) -> None:
        first, coarse = self.semantic, self.coarse
        last = self.semantic_tokens + COARSE_BOOKS * self.codes
        fits = (
            self.semantic_tokens < first.n_out
            and max(self.text_pad, self.semantic_infer, self.text_offset) < first.n_in
            and max(self.coarse_pad, self.coarse_infer, last - 1) < min(coarse.n_in, coarse.n_out)
            and self.codes < self.fine.n_in
        )
        if not fits or min(self.semantic_tokens, self.codes) < 1 or self.semantic_rate <= 0:
            raise ConfigError("The vocabulary sizes of Bark's three transformers do not match.")

    @property
    def coarse_per_semantic(self) -> float:
        """Coarse codes for each semantic token."""
        return FRAME_RATE / self.semantic_rate * COARSE_BOOKS


@dataclass(frozen=True, kw_only=True)
class BarkOptions(Options):
    """Generation options. `temperature` is that of the words and their intonation."""

    temperature: Annotated[float, Opt("Sampling temperature; 0 is deterministic.", 0, 5)] = 0.7
    waveform_temperature: Annotated[
        float, Opt("Temperature of the coarse codes, the sound of the voice.", 0, 5)
    ] = 0.7
    fine_temperature: Annotated[float, Opt("Temperature of the fine codes.", 0, 5)] = 0.5
    end_probability: Annotated[
        float,
        Opt("Stop-token probability at which speech ends; lower stops earlier.", 0.001, 1),
    ] = 0.2
    duration_s: Annotated[
        float,
        Opt("Length of every chunk; 0 is automatic.", 0, 60, flag="--duration", metavar="SECONDS"),
    ] = 0.0


OPTIONS = BarkOptions
