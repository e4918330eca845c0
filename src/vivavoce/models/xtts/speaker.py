"""The speaker encoder of XTTS: a recording to the vector that the vocoder is told."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from vivavoce.audio.features import extract
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.nn.speaker import SpeakerNetwork


class SpeakerEncoder(SpeakerNetwork):
    """Who speaks in a recording, as a unit vector. Raises ConfigError unless it has four stages."""

    def forward(self, samples: Tensor) -> Tensor:
        """`[B, S]` at 16 kHz to `[B, D]` of length 1. Every row is a whole recording.

        The mel is made on the CPU, the rest where the weights are.
        Raises AudioError for too few samples for a frame.
        """
        mel = extract(samples.float().cpu(), SPEAKER_16K)
        return F.normalize(self.describe(mel.to(self.conv1.weight)), dim=1)
