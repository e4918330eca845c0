"""What a Tortoise checkpoint is, and how one is asked to speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from vivavoce.errors import ConfigError
from vivavoce.options import Opt, Options

Quality = Literal["ultra_fast", "fast", "standard", "high_quality"]
Sampler = Literal["ddim", "ancestral"]
QUALITIES: dict[Quality, tuple[int, int]] = {
    "ultra_fast": (16, 10),
    "fast": (5, 50),
    "standard": (5, 200),
    "high_quality": (256, 400),
}
"""How many takes of a sentence and how many steps of diffusion, as Coqui has them."""


@dataclass(frozen=True)
class RankConfig:
    """CLVP: `depth` layers for the text and as many for the codes, compared in `latent` numbers."""

    width: int = 768
    depth: int = 20
    heads: int = 12
    latent: int = 768
    text_tokens: int = 256
    code_tokens: int = 8192


@dataclass(frozen=True)
class DiffusionConfig:
    """The diffusion decoder, which was trained on `steps` steps of noise."""

    width: int = 1024
    depth: int = 10
    heads: int = 16
    steps: int = 4000


@dataclass(frozen=True, kw_only=True)
class TortoiseConfig:
    """Architecture; the defaults are Tortoise v2. A code stands for `code_samples` at 22,050 Hz.

    `text_tokens` and `code_tokens` count the entries of the two vocabularies, `max_text` and
    `max_codes` how many of each fit.
    """

    width: int = 1024
    depth: int = 30
    heads: int = 16
    text_tokens: int = 256
    start_text: int = 255
    stop_text: int = 0
    max_text: int = 402
    code_tokens: int = 8194
    start_code: int = 8192
    stop_code: int = 8193
    max_codes: int = 605
    code_samples: int = 1024
    condition_blocks: int = 6
    n_mels: int = 80
    rank: RankConfig = field(default_factory=RankConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)

    def __post_init__(self) -> None:
        for part in (self, self.rank, self.diffusion):
            if min(part.width, part.depth, part.heads) < 1 or part.width % part.heads:
                raise ConfigError(
                    f"These sizes do not make a Tortoise model: width {part.width}, depth"
                    f" {part.depth}, heads {part.heads}."
                )
        if max(self.start_code, self.stop_code) >= self.code_tokens:
            raise ConfigError("start_code and stop_code must be among the codes.")
        if max(self.start_text, self.stop_text) >= self.text_tokens:
            raise ConfigError("start_text and stop_text must be among the text tokens.")

    @property
    def voice_positions(self) -> int:
        """Positions of the GPT that a voice takes."""
        return 1


@dataclass(frozen=True, kw_only=True)
class TortoiseOptions(Options):
    """Generation options: more candidates and more steps sound better and take more time."""

    quality: Annotated[Quality, Opt("Preset of candidates and steps, from fastest to best.")] = (
        "fast"
    )
    candidates: Annotated[
        int, Opt("Candidates per sentence; the best is kept. 0 is the preset's.", 0, 1024)
    ] = 0
    steps: Annotated[int, Opt("Diffusion steps; 0 is the preset's.", 0, 1000)] = 0
    sampler: Annotated[Sampler, Opt("Diffusion sampler; ancestral adds noise at each step.")] = (
        "ddim"
    )
    guidance: Annotated[float, Opt("Classifier-free guidance scale; 0 disables.", 0, 20)] = 2.0
    diffusion_temperature: Annotated[
        float, Opt("Scale of the initial noise of the diffusion.", 0, 2)
    ] = 1.0
    temperature: Annotated[float, Opt("Sampling temperature; 0 is deterministic.", 0, 5)] = 0.8
    top_k: Annotated[int, Opt("Sample from the k most likely codes; 0 disables.", 0, 100_000)] = 50
    top_p: Annotated[float, Opt("Nucleus sampling threshold; 1 disables.", 0.01, 1)] = 0.8
    repetition_penalty: Annotated[float, Opt("Penalty for repeated codes; 1 disables.", 1, 100)] = (
        2.0
    )
    max_codes: Annotated[
        int, Opt("Maximum codes per candidate, 21.5 a second; 0: as many as fit.", 0, 500)
    ] = 0

    @property
    def takes(self) -> int:
        return self.candidates or QUALITIES[self.quality][0]

    @property
    def diffusion_steps(self) -> int:
        return max(2, self.steps or QUALITIES[self.quality][1])


OPTIONS = TortoiseOptions
