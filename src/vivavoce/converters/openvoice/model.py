"""OpenVoice's tone colour converter (Qin et al. 2023, arXiv:2312.01479, section 3.2).

Shapes: S samples, T frames, F bins, C latents, D speaker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from vivavoce.audio.features import extract
from vivavoce.audio.specs import VITS_LINEAR_22K
from vivavoce.converters.base import ConversionModel
from vivavoce.converters.openvoice.config import OpenVoiceConfig
from vivavoce.nn.latent_flow import Flow, Posterior
from vivavoce.nn.reference_convs import ReferenceConvs
from vivavoce.types import FeatureSpec, Voice

HEARD_S = 60
"""So much of a recording tells who speaks."""
SPECTRUM_CONTEXT = 4
KEPT_FRAMES = 512


class ToneEncoder(nn.Module):
    """A linear spectrum `[1, F, T]` to who speaks, `[1, D, 1]`."""

    def __init__(self, config: OpenVoiceConfig) -> None:
        super().__init__()
        c = config
        self.norm = nn.LayerNorm(c.n_bins)
        self.convs = ReferenceConvs(c.channels)
        self.recurrent = nn.GRU(self.convs.width(c.n_bins), c.recurrent, batch_first=True)
        self.project = nn.Linear(c.recurrent, c.speaker_width)

    def forward(self, spectrum: Tensor) -> Tensor:
        frames = self.convs(self.norm(spectrum.transpose(1, 2)))
        return self.project(self.recurrent(frames)[1][0]).unsqueeze(-1)


class OpenVoice(ConversionModel):
    """The words and the melody of a recording with the tone colour of another."""

    family = "openvoice"
    config_type = OpenVoiceConfig
    input_rate = 22_050
    voice_part = ("speaker", 1)

    def __init__(self, config: OpenVoiceConfig, spec: FeatureSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.posterior, self.flow = Posterior(config), Flow(config)
        self.tone = ToneEncoder(config)
        n_fft = 2 * (config.n_bins - 1)
        self.linear = replace(VITS_LINEAR_22K, n_fft=n_fft, win_length=n_fft, hop_length=config.hop)
        self.hop, self.noise_channels = config.hop, config.latent_width
        self.context_frames = self.posterior.context + 2 * self.flow.context + SPECTRUM_CONTEXT
        self.window_frames = KEPT_FRAMES + 2 * self.context_frames

    @property
    def voice_width(self) -> int:
        return self.config.speaker_width

    @torch.inference_mode()
    def target(self, recordings: Sequence[Tensor]) -> dict[str, Tensor]:
        speakers = [self._speaker(samples) for samples in recordings]
        return {"speaker": torch.cat(speakers).mean(0)[:, 0].float().cpu()}

    def source(self, samples: Tensor) -> dict[str, Tensor]:
        return {"speaker": self._speaker(samples)}

    def latents(
        self, samples: Tensor, noise: Tensor, source: Mapping[str, Tensor], voice: Voice
    ) -> Tensor:
        target = voice.tensors["speaker"].to(samples).view(1, -1, 1)
        return self.converted(extract(samples, self.linear), noise, source["speaker"], target)

    def converted(self, spectrum: Tensor, noise: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Spectrum `[1, F, T]`, noise `[1, C, T]` and two speakers to latents `[1, C, T]`."""
        told = torch.zeros_like(source) if self.config.zero_speaker else source
        mean, log_scale = self.posterior(spectrum, None, told)
        z = mean + noise * self.config.noise_scale * log_scale.exp()
        return self.flow.reverse(self.flow(z, None, source), None, target)

    def condition(self, voice: Voice) -> Tensor:
        speaker = voice.tensors["speaker"].view(1, -1, 1)
        return torch.zeros_like(speaker) if self.config.zero_speaker else speaker

    def _speaker(self, samples: Tensor) -> Tensor:
        heard = samples[None, : HEARD_S * self.input_rate].to(self.device)
        return self.tone(extract(heard, self.linear))
