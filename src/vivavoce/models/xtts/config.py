"""What an XTTS checkpoint is, and how one is asked to speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from vivavoce.errors import ConfigError
from vivavoce.nn.speaker_config import SpeakerConfig
from vivavoce.options import Opt, Options


@dataclass(frozen=True, kw_only=True)
class XttsConfig:
    """Architecture. The defaults are XTTS v2.

    `text_tokens` and `code_tokens` count the entries of the two vocabularies, `max_text` and
    `max_codes` how many of each fit. A code stands for `code_samples` samples at `input_rate` Hz.
    Without a `perceiver` (v1.1) the voice is as many latents as its recording has frames of the
    encoder. The recording's first `condition_s` seconds are heard in pieces of `condition_chunk_s`,
    its first `reference_s` by the speaker encoder.
    """

    width: int = 1024
    depth: int = 30
    heads: int = 16
    text_tokens: int = 6681
    start_text: int = 261
    stop_text: int = 0
    max_text: int = 402
    code_tokens: int = 1026
    start_code: int = 1024
    stop_code: int = 1025
    max_codes: int = 605
    max_prompt: int = 70
    perceiver: bool = True
    n_latents: int = 32
    perceiver_depth: int = 2
    perceiver_heads: int = 8
    perceiver_head_dim: int = 64
    condition_blocks: int = 6
    n_mels: int = 80
    input_rate: int = 22050
    code_samples: int = 1024
    condition_s: float = 30.0
    condition_chunk_s: float = 4.0
    reference_s: float = 30.0
    normalise_references: bool = False
    speaker: SpeakerConfig = field(default_factory=SpeakerConfig)

    def __post_init__(self) -> None:
        sizes = (self.width, self.depth, self.heads, self.text_tokens, self.code_tokens)
        if min(sizes) < 1 or self.width % self.heads:
            raise ConfigError(f"These sizes do not make an XTTS model: {sizes}.")
        if min(self.condition_s, self.condition_chunk_s, self.reference_s) <= 0:
            raise ConfigError("Lengths of reference audio must be above 0 s.")
        if max(self.start_code, self.stop_code) >= self.code_tokens:
            raise ConfigError("start_code and stop_code must be among the codes.")
        if max(self.start_text, self.stop_text) >= self.text_tokens:
            raise ConfigError("start_text and stop_text must be among the text tokens.")

    @property
    def voice_positions(self) -> int:
        """The most positions of the GPT that a voice takes."""
        return self.n_latents if self.perceiver else self.max_prompt

    @property
    def code_rate(self) -> float:
        """Codes per second, Hz."""
        return self.input_rate / self.code_samples


@dataclass(frozen=True, kw_only=True)
class XttsOptions(Options):
    """How to speak: `top_k` and `top_p` bound what codes are drawn from (arXiv:1904.09751)."""

    speed: Annotated[
        float, Opt("Speaking rate; 1 is natural, 2 twice as fast.", 0.2, 5, common=True)
    ] = 1.0
    language: Annotated[
        str, Opt("Language to speak; empty: the voice's own, auto: detected.", common=True)
    ] = ""
    temperature: Annotated[float, Opt("Sampling temperature; 0 is deterministic.", 0, 5)] = 0.75
    top_k: Annotated[int, Opt("Sample from the k most likely codes; 0 disables.", 0, 100_000)] = 50
    top_p: Annotated[float, Opt("Nucleus sampling threshold; 1 disables.", 0.01, 1)] = 0.85
    repetition_penalty: Annotated[float, Opt("Penalty for repeated codes; 1 disables.", 1, 100)] = (
        5.0
    )
    first_codes: Annotated[
        int, Opt("Codes before a stream's first chunk; fewer start sooner.", 1, 600)
    ] = 6
    max_codes: Annotated[
        int, Opt("Maximum codes per utterance; 0: as many as fit.", 0, 100_000)
    ] = 0


OPTIONS = XttsOptions
