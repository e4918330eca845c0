"""DelightfulTTS, whole but for its vocoder: tokens -> prosody, pitch, energy, durations -> mel.

Shapes: B batch, L tokens, T frames, C channels, M mels, D speaker.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.delightful.config import DelightfulConfig, DelightfulOptions
from vivavoce.models.delightful.conformer import Conformer, SeparableConv
from vivavoce.models.parallel import ParallelModel, Predicted
from vivavoce.nn.alignment import expand_path
from vivavoce.types import Voice


class SeparablePredictor(nn.Module):
    """`width_out` numbers per token `[B, L, width_out]`, 0 for padding."""

    def __init__(self, width: int, kernel: int, slope: float, width_out: int = 1) -> None:
        super().__init__()
        self.slope = slope
        self.conv_1, self.conv_2 = (SeparableConv(width, width, kernel) for _ in range(2))
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.projection = nn.Linear(width, width_out)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`[B, L, C]` and the mask `[B, L, 1]`."""
        x = self.norm_1(F.leaky_relu(self.conv_1(x, mask), self.slope))
        x = self.norm_2(F.leaky_relu(self.conv_2(x, mask), self.slope))
        return self.projection(x) * mask


class ProsodyNumbers(nn.Module):
    """Numbers that say how something is spoken, and what they add (section 2.3)."""

    def __init__(self, config: DelightfulConfig, numbers: int) -> None:
        super().__init__()
        c = config
        self.predictor = SeparablePredictor(c.width, c.prosody_kernel, c.slope, numbers)
        self.output = nn.Linear(numbers, c.width)

    def forward(self, numbers: Tensor) -> Tensor:
        """Numbers `[B, L or 1, N]`, brought to mean 0 and variance 1, to `[B, L or 1, C]`."""
        return self.output(F.layer_norm(numbers, numbers.shape[2:]))


class VarianceFeature(nn.Module):
    """One number per token, pitch or energy, and what it adds to the hidden states."""

    def __init__(self, config: DelightfulConfig) -> None:
        super().__init__()
        c = config
        self.predictor = SeparablePredictor(c.width, c.kernel, c.slope)
        self.embedding = nn.Conv1d(1, c.width, c.embedding, padding=c.embedding // 2)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The number `[B, 1, L]`, and what it adds `[B, L, C]`."""
        value = self.predictor(x, mask).transpose(1, 2)
        return value, self.embedding(value).transpose(1, 2)


class DelightfulTTS(ParallelModel[DelightfulOptions, DelightfulConfig]):
    """Liu et al. 2021, arXiv:2110.12612, with the shapes and quirks of Coqui's version."""

    family = "delightful"
    options_type = DelightfulOptions
    config_type = DelightfulConfig

    def make(self, c: DelightfulConfig) -> None:
        self.embedding = nn.Embedding(c.n_tokens, c.width)
        self.speakers = nn.Embedding(c.n_speakers, c.speaker_width) if c.n_speakers else None
        self.encoder = Conformer(c.width, c.encoder, c.slope, c.speaker_width)
        self.decoder = Conformer(c.width, c.decoder, c.slope, c.speaker_width)
        self.utterance, self.phoneme = ProsodyNumbers(c, c.utterance), ProsodyNumbers(c, c.phoneme)
        self.durations = SeparablePredictor(c.width, c.kernel, c.slope)
        self.pitch, self.energy = VarianceFeature(c), VarianceFeature(c)
        self.to_mel = nn.Linear(c.width, c.n_mels)

    def predict(self, ids: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Predicted:
        real = mask.transpose(1, 2)
        x = self.embedding(ids) * real
        x = self.prosodic(self.encoder(x, _counts(mask), _rows(speaker)), real)
        pitch, from_pitch = self.pitch(x, real)
        energy, from_energy = self.energy(x, real)
        log_durations = self.durations(x, real).transpose(1, 2)
        return Predicted(x + from_pitch + from_energy, log_durations, pitch, energy)

    def prosodic(self, x: Tensor, mask: Tensor) -> Tensor:
        """Hidden states `[B, L, C]` with the prosody of the utterance, then of every token."""
        whole = self.utterance.predictor(x, mask).sum(1, keepdim=True)
        x = x + self.utterance(whole / mask.sum(1, keepdim=True))
        return x + self.phoneme(self.phoneme.predictor(x, mask))

    def decode(
        self, hidden: Tensor, durations: Tensor, lengths: Tensor, speaker: Tensor | None = None
    ) -> Tensor:
        counts = lengths.tolist()
        path = expand_path(durations.float(), max(counts))
        x = self.decoder((hidden.transpose(1, 2) @ path).transpose(1, 2), counts, _rows(speaker))
        real = torch.arange(max(counts), device=x.device) < lengths[:, None]
        return (self.to_mel(x) * real.unsqueeze(2)).transpose(1, 2)

    def speaker_vectors(self, voices: Sequence[Voice]) -> Tensor | None:
        """Of length 1, `[B, D, 1]`; None for a model of one speaker. Raises UnknownVoice."""
        found = super().speaker_vectors(voices)
        return None if found is None else F.normalize(found)


def _counts(mask: Tensor) -> list[int]:
    """Tokens of every row."""
    return mask.sum((1, 2)).long().tolist()


def _rows(speaker: Tensor | None) -> Tensor | None:
    return None if speaker is None else speaker[:, :, 0]
