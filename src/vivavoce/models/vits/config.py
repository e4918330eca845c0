"""What a VITS checkpoint is, and how one is asked to speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vivavoce.errors import ConfigError
from vivavoce.nn.latent_config import LatentConfig
from vivavoce.nn.speaker_config import LstmSpeakerConfig, SpeakerConfig
from vivavoce.options import Opt, Options


@dataclass(frozen=True, kw_only=True)
class VitsConfig(LatentConfig):
    """Architecture, without the HiFi-GAN that decodes the latents. Defaults are the publication's.

    Widths are channel counts. `relative_window` counts the symbols on each side that learned
    relative positions cover. With `stochastic_durations` a flow predicts durations, and
    `duration_width` is its width; otherwise two convolutions do. `duration_eps` is the epsilon of
    the normalisation in those two. `posterior` and `variational_durations` say whether the parts
    are there that only training (and voice conversion) needs. `speaker_width` 0 means that nobody
    tells who speaks; `n_speakers` 0 with a width means that speakers are vectors from elsewhere,
    which `unit_speakers` brings to length 1; `speaker_encoder` or `speaker_lstm` makes such vectors
    of recordings.
    `language_width` channels of a language's embedding are appended to every symbol.
    """

    n_tokens: int
    text_width: int = 192
    text_layers: int = 6
    text_heads: int = 2
    text_ffn: int = 768
    text_kernel: int = 3
    relative_window: int = 4
    stochastic_durations: bool = True
    duration_width: int = 192
    duration_kernel: int = 3
    duration_layers: int = 3
    duration_flows: int = 4
    duration_bins: int = 10
    duration_eps: float = 1e-5
    variational_durations: bool = False
    posterior: bool = False
    n_speakers: int = 0
    unit_speakers: bool = False
    speaker_durations: bool = True
    n_languages: int = 0
    language_width: int = 0
    speaker_encoder: SpeakerConfig | None = None
    speaker_lstm: LstmSpeakerConfig | None = None

    def __post_init__(self) -> None:
        if self.n_tokens < 1 or min(self.encoder_width, self.latent_width) < 1:
            raise ConfigError("A VITS model needs symbols and widths of at least 1.")
        if self.encoder_width % self.text_heads:
            raise ConfigError(
                f"text_heads is {self.text_heads}; it must divide {self.encoder_width}, the width "
                "of the text encoder."
            )
        if self.latent_width % 2:
            raise ConfigError(f"latent_width is {self.latent_width}; it must be even.")
        if self.n_speakers and not self.speaker_width:
            raise ConfigError("n_speakers needs a speaker_width.")
        if bool(self.n_languages) != bool(self.language_width):
            raise ConfigError("n_languages and language_width belong together.")
        if self.listener and self.listener.width != self.speaker_width:
            raise ConfigError(
                f"The speaker encoder returns {self.listener.width} numbers, the model needs "
                f"{self.speaker_width}.",
                "Put the model_se.pth that belongs to this checkpoint beside it, or none.",
            )

    @property
    def listener(self) -> SpeakerConfig | LstmSpeakerConfig | None:
        """What makes vectors of recordings."""
        return self.speaker_encoder or self.speaker_lstm

    @property
    def encoder_width(self) -> int:
        """Channels in the text encoder: the symbol's and its language's."""
        return self.text_width + self.language_width


@dataclass(frozen=True)
class VitsOptions(Options):
    """How to speak: `noise_scale` and `duration_noise` are the temperatures of the two flows."""

    language: Annotated[str, Opt("Language to speak; empty: the voice's own.", common=True)] = ""
    noise_scale: Annotated[
        float, Opt("Temperature of the prior; higher varies more, 0 is deterministic.", 0, 2)
    ] = 0.667
    duration_noise: Annotated[
        float, Opt("Temperature of the stochastic duration predictor.", 0, 2)
    ] = 0.8


OPTIONS = VitsOptions
