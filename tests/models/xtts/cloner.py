"""A toy of the parts of XTTS that hear a voice, its weights random and all at work."""

from __future__ import annotations

import torch
from torch import nn

from vivavoce.models.xtts.conditioning import Conditioning
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.models.xtts.speaker import SpeakerEncoder
from vivavoce.nn.speaker_config import SpeakerConfig

SPEAKER = SpeakerConfig(blocks=(1, 2, 1, 1), channels=(8, 8, 16, 16), width=32)
TOY = XttsConfig(width=64, depth=2, heads=4, n_latents=6, speaker=SPEAKER)


class Cloner(nn.Module):
    mel_stats: torch.Tensor

    def __init__(self, config: XttsConfig = TOY) -> None:
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conditioning = Conditioning(config)
            self.speaker_encoder = SpeakerEncoder(config.speaker)
            self.register_buffer("mel_stats", 1.0 + torch.rand(config.n_mels))
            for name, parameter in self.named_parameters():
                if "proj_out" in name:
                    nn.init.normal_(parameter, 0.0, 0.1)
