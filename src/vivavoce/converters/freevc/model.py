"""FreeVC (Li, Tu, Xiao 2022, arXiv:2210.15418, section 2).

Shapes: S samples, T frames, M bands, C latents, D speaker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from vivavoce.audio.features import extract
from vivavoce.audio.specs import VITS_MEL_22K
from vivavoce.converters.base import ConversionModel
from vivavoce.converters.freevc.config import FreeVcConfig
from vivavoce.nn.latent_flow import Flow, Posterior
from vivavoce.nn.speaker_lstm import LstmLayers
from vivavoce.nn.wavlm import WavLM
from vivavoce.nn.wavlm_config import HOP, REACH
from vivavoce.types import FeatureSpec, Voice

SPEAKER_MEL = replace(VITS_MEL_22K, sample_rate=16_000, n_fft=1280, win_length=1280, hop_length=HOP)
PARTIAL_FRAMES, PARTIAL_HOP = 128, 64
KEPT_FRAMES, CONTEXT_FRAMES = 800, 100
"""WavLM's attention reaches everywhere: a window of 20 s, of which 16 s are kept, is enough."""


class UtteranceEncoder(LstmLayers):
    """Who speaks (Wan et al., arXiv:1710.10467): `[1, T, M]` to `[1, D, 1]`."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean over windows, of unit length each; the mean is not brought to length 1."""
        starts = range(0, max(0, x.shape[1] - PARTIAL_FRAMES), PARTIAL_HOP)
        parts = [x[:, start : start + PARTIAL_FRAMES] for start in starts]
        parts.append(x[:, -PARTIAL_FRAMES:])
        states = [self.lstm(part)[1][0][-1] for part in parts]
        return F.normalize(self.linear(torch.cat(states)).relu()).mean(0).view(1, -1, 1)


class FreeVC(ConversionModel):
    """The posterior reads WavLM's last layer; the flow back is told who is to speak."""

    family = "freevc"
    config_type = FreeVcConfig
    input_rate = 16_000
    voice_part = ("speaker", 1)
    hop, context_frames = HOP, CONTEXT_FRAMES
    window_frames = KEPT_FRAMES + 2 * CONTEXT_FRAMES

    def __init__(self, config: FreeVcConfig, spec: FeatureSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        c = config
        self.wavlm = WavLM(c.wavlm)
        self.posterior, self.flow = Posterior(c, conditioned=False), Flow(c)
        self.utterance = UtteranceEncoder(
            c.n_mels, c.speaker_width, c.speaker_width, c.speaker_layers, True
        )
        self.mel = replace(SPEAKER_MEL, n_mels=c.n_mels)
        self.noise_channels = c.latent_width

    @property
    def voice_width(self) -> int:
        return self.config.speaker_width

    @torch.inference_mode()
    def target(self, recordings: Sequence[Tensor]) -> dict[str, Tensor]:
        mels = [extract(samples[None].to(self.device), self.mel) for samples in recordings]
        speakers = [self.utterance(mel.transpose(1, 2)) for mel in mels]
        return {"speaker": torch.cat(speakers).mean(0)[:, 0].float().cpu()}

    def latents(
        self, samples: Tensor, noise: Tensor, source: Mapping[str, Tensor], voice: Voice
    ) -> Tensor:
        words = self.wavlm(F.pad(samples, (0, REACH - HOP))).transpose(1, 2)
        return self.converted(words, noise, voice.tensors["speaker"].to(samples).view(1, -1, 1))

    def converted(self, words: Tensor, noise: Tensor, speaker: Tensor) -> Tensor:
        """WavLM's frames `[1, W, T]`, noise `[1, C, T]` and a speaker to latents `[1, C, T]`."""
        mean, log_scale = self.posterior(words, None)
        return self.flow.reverse(mean + noise * log_scale.exp(), None, speaker)

    def condition(self, voice: Voice) -> Tensor:
        return voice.tensors["speaker"].view(1, -1, 1)
