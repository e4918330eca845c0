"""The architecture of OpenVoice's tone colour converter. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.nn.latent_config import LatentConfig


@dataclass(frozen=True, kw_only=True)
class OpenVoiceConfig(LatentConfig):
    """`noise_scale` is the deviation of the latents. `zero_speaker` (v2): only the flow is told
    who speaks. `channels` and `recurrent` are those of the reference encoder, `hop` is in samples.
    """

    noise_scale: float = 0.3
    zero_speaker: bool = True
    channels: tuple[int, ...] = (32, 32, 64, 64, 128, 128)
    recurrent: int = 128
    hop: int = 256
