"""The architecture of a Glow-TTS, and the options of a generation. Different types on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vivavoce.nn.glow_config import GlowFlowConfig
from vivavoce.options import Opt, Options


@dataclass(frozen=True, kw_only=True)
class GlowConfig(GlowFlowConfig):
    """Widths are channel counts. The defaults are Coqui's (`GlowTTSConfig`)."""

    n_tokens: int
    encoder_width: int = 192
    encoder_layers: int = 6
    encoder_heads: int = 2
    encoder_ffn: int = 768
    encoder_kernel: int = 3
    relative_window: int | None = None  # tokens each side that learned relative positions cover
    prenet: bool = True
    mean_only: bool = True  # unit variance of the prior
    duration_width: int = 256
    n_speakers: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoder_layers > 1000:
            raise ValueError("encoder_layers must be at most 1000")
        if self.encoder_width % self.encoder_heads:
            raise ValueError("encoder_width must be a multiple of encoder_heads")
        if self.n_speakers and not self.speaker_width:
            raise ValueError("n_speakers needs a speaker_width")


@dataclass(frozen=True)
class GlowOptions(Options):
    """Generation options."""

    noise_scale: Annotated[
        float, Opt("Temperature of the prior; higher varies more, 0 is deterministic.", 0, 2)
    ] = 0.0


OPTIONS = GlowOptions
