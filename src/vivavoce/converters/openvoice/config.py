"""The architecture of OpenVoice's tone colour converter. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.converters.body_config import BodyConfig


@dataclass(frozen=True, kw_only=True)
class OpenVoiceConfig(BodyConfig):
    """`noise_scale` is the deviation of the latents. `zero_speaker` (v2): only the flow is told
    who speaks. `channels` and `recurrent` are those of the reference encoder, `spectrum_fft` and
    `hop` in samples at 22,050 Hz.
    """

    noise_scale: float = 0.3
    zero_speaker: bool = True
    channels: tuple[int, ...] = (32, 32, 64, 64, 128, 128)
    recurrent: int = 128
    hop: int = 256
