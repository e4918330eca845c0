"""The architecture of a DelightfulTTS, and the options of a generation."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.options import Options


@dataclass(frozen=True)
class ConformerSizes:
    """`kernel` counts the taps of the convolutions over time."""

    layers: int = 6
    heads: int = 8
    kernel: int = 7

    def __post_init__(self) -> None:
        if self.heads < 1 or not 1 <= self.layers <= 1000 or self.kernel % 2 == 0:
            raise ValueError("heads and layers must be at least 1, and kernel odd")


@dataclass(frozen=True)
class DelightfulConfig:
    """`kernel` is that of every predictor, `embedding` leads pitch and energy back.

    `utterance` and `phoneme` numbers are predicted as the prosody of the whole and of each token.
    Leaky rectifiers have `slope`. Speakers have vectors of `speaker_width` numbers.
    """

    n_tokens: int
    n_mels: int = 100
    width: int = 512
    encoder: ConformerSizes = field(default_factory=ConformerSizes)
    decoder: ConformerSizes = field(default_factory=lambda: ConformerSizes(kernel=11))
    kernel: int = 5
    prosody_kernel: int = 5
    embedding: int = 3
    utterance: int = 512
    phoneme: int = 4
    slope: float = 0.3
    n_speakers: int = 0
    speaker_width: int = 0

    def __post_init__(self) -> None:
        if min(self.n_tokens, self.n_mels, self.width, self.utterance, self.phoneme) < 1:
            raise ValueError("every size must be at least 1")
        if self.width % 2 or self.width % self.encoder.heads or self.width % self.decoder.heads:
            raise ValueError("width must be even, and a multiple of the heads")
        if not all(taps % 2 for taps in (self.kernel, self.prosody_kernel, self.embedding)):
            raise ValueError("kernels must be odd")
        if bool(self.n_speakers) != bool(self.speaker_width):
            raise ValueError("n_speakers and speaker_width belong together")


@dataclass(frozen=True)
class DelightfulOptions(Options):
    """Generation options."""


OPTIONS = DelightfulOptions
