"""Tokens -> durations, pitch and energy per token -> frames -> mel, in one pass.

Shapes: B batch, L tokens, T frames, C channels, M mels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vivavoce.errors import TextError
from vivavoce.models.fastpitch import stacks
from vivavoce.models.fastpitch.blocks import BatchNormDurations
from vivavoce.models.fastpitch.config import FastPitchConfig, FastPitchOptions, PredictorSizes
from vivavoce.models.parallel import ParallelModel, Predicted
from vivavoce.nn.alignment import expand_path
from vivavoce.nn.durations import DurationPredictor
from vivavoce.nn.padding import length_mask


class TokenFeature(nn.Module):
    """One number per token, and what it adds to the hidden states (FastPitch, section 2.1)."""

    def __init__(self, width: int, sizes: PredictorSizes) -> None:
        super().__init__()
        self.predictor = DurationPredictor(width, sizes.width, sizes.kernel)
        taps = sizes.embedding
        self.embedding = nn.Conv1d(1, width, taps, padding=(taps - 1) // 2)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden states with it, and the number itself `[B, 1, L]`."""
        value = self.predictor(x, mask)
        return x + self.embedding(value) * mask, value


class FastPitch(ParallelModel[FastPitchOptions, FastPitchConfig]):
    """After FastPitch (Lancucki 2021, arXiv:2006.06873), with the shapes of Coqui's version."""

    family = "fastpitch"
    options_type = FastPitchOptions
    config_type = FastPitchConfig

    def make(self, c: FastPitchConfig) -> None:
        self.embedding = nn.Embedding(c.n_tokens, c.width)
        self.speakers = nn.Embedding(c.n_speakers, c.width) if c.n_speakers else None
        self.encoder = stacks.encoder(c.width, c.encoder)
        self.decoder = stacks.decoder(c.width, c.n_mels, c.decoder)
        self.durations: nn.Module = (
            BatchNormDurations(c.width)
            if c.duration_batch_norm
            else DurationPredictor(c.width, c.durations.width, c.durations.kernel)
        )
        self.pitch = TokenFeature(c.width, c.pitch) if c.pitch else None
        self.energy = TokenFeature(c.width, c.energy) if c.energy else None
        self.positions = nn.Parameter(torch.zeros(c.width, c.positions)) if c.positions else None

    def predict(self, ids: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Predicted:
        """Ids `[B, L]`, their mask `[B, 1, L]` and the speaker `[B, C, 1]`, if there are any."""
        x = self.encoder(self.embedding(ids).transpose(1, 2) * mask, mask)
        if speaker is not None:
            x = (x + speaker) * mask
        log_durations = self.durations(x, mask)
        pitch = energy = None
        if self.pitch is not None:
            x, pitch = self.pitch(x, mask)
        if self.energy is not None:
            x, energy = self.energy(x, mask)
        return Predicted(x, log_durations, pitch, energy)

    def decode(
        self, hidden: Tensor, durations: Tensor, lengths: Tensor, speaker: Tensor | None = None
    ) -> Tensor:
        """Tokens on their frames `[B, L]` to the mel `[B, M, T]`. Raises TextError."""
        count = int(lengths.max())
        x = self.placed(torch.matmul(hidden, expand_path(durations.float(), count)))
        return self.decoder(x, length_mask(lengths, count))

    def placed(self, x: Tensor) -> Tensor:
        """Frames `[B, C, T]` with what tells their places, if anything does. Raises TextError."""
        if self.positions is None:
            return x
        known = self.positions.shape[1]
        if x.shape[2] > known:
            raise TextError(
                f"The utterance has {x.shape[2]} frames; the limit of this model is {known}.",
                "Split the text, or raise the speed.",
            )
        return x * math.sqrt(self.config.width) + self.positions[:, : x.shape[2]]
