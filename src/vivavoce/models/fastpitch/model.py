"""Tokens -> durations, pitch and energy per token -> frames -> mel, in one pass.

Knows no text rules and no vocoder. Shapes: B batch, L tokens, T frames, C channels, M mels.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, TextError, UnknownVoice
from vivavoce.models.base import AcousticModel, OnStep, Sentence, Traits
from vivavoce.models.fastpitch import stacks
from vivavoce.models.fastpitch.blocks import BatchNormDurations
from vivavoce.models.fastpitch.config import FastPitchConfig, FastPitchOptions, PredictorSizes
from vivavoce.nn.alignment import expand_path
from vivavoce.nn.durations import DurationPredictor
from vivavoce.nn.noise import Noise
from vivavoce.nn.padding import length_mask, pad_tokens
from vivavoce.text.coqui_model import CoquiTextConfig
from vivavoce.text.split import chunks
from vivavoce.types import Chunk, Features, FeatureSpec, Tokens, Voice

MAX_CHARS = 200  # the longest that training saw


class Predicted(NamedTuple):
    """What the tokens say: hidden states `[B, C, L]`, the rest `[B, 1, L]` where predicted."""

    hidden: Tensor
    log_durations: Tensor
    pitch: Tensor | None
    energy: Tensor | None


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


class FastPitch(AcousticModel[FastPitchOptions]):
    """After FastPitch (Lancucki 2021, arXiv:2006.06873), with the shapes of Coqui's version."""

    family = "fastpitch"
    options_type = FastPitchOptions
    config_type = FastPitchConfig
    text_type = CoquiTextConfig
    traits = Traits(times_words=True, stream_frames=64)

    def __init__(
        self,
        config: FastPitchConfig,
        spec: FeatureSpec,
        text: CoquiTextConfig | None = None,
        speaker_names: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.text, self.speaker_names = text or CoquiTextConfig(), speaker_names
        c = config
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

    def chunks(self, text: str, voice: Voice, options: FastPitchOptions) -> Iterator[Chunk]:
        return chunks(text, MAX_CHARS)

    def tokenise(
        self, text: str, voice: Voice | None = None, options: FastPitchOptions | None = None
    ) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken."""
        return self.text.encode(text)

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[FastPitchOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One `Features` with a row per sentence. Nothing is drawn from `noise`.

        Raises TextError for a sentence without tokens, or with more frames than the model can
        tell apart; BadCheckpoint where the text's rules are another model's.
        """
        if any(len(s.tokens) == 0 for s in sentences):
            raise TextError("There is nothing to speak.", "Give at least one word.")
        ids, mask = pad_tokens([s.tokens for s in sentences], self.device)
        self._require_known(max(max(s.tokens.ids) for s in sentences))
        speed = torch.tensor([[s.options.speed] for s in sentences], device=self.device)
        said = self.predict(ids, mask, self.speaker_vectors([s.voice for s in sentences]))
        durations = self.frames(said.log_durations, mask, speed)
        lengths = durations.sum(1)
        mel = self.decode(said.hidden, durations, lengths)
        yield Features(mel.float(), lengths, self.spec, durations)

    def batch_key(self, sentence: Sentence[FastPitchOptions]) -> Hashable:
        """Any sentences can share a batch."""
        return None

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

    def frames(self, log_durations: Tensor, mask: Tensor, speed: Tensor | float) -> Tensor:
        """Whole frames per token `[B, L]`: at least one for a real token, none for padding."""
        frames = (log_durations.float().exp() - 1).squeeze(1) / speed
        return (frames.clamp_min(1).round() * mask.squeeze(1)).long()

    def decode(self, hidden: Tensor, durations: Tensor, lengths: Tensor) -> Tensor:
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
                f"The utterance has {x.shape[2]} frames; this model knows at most {known}.",
                "Cut the text, or raise the speed.",
            )
        return x * math.sqrt(self.config.width) + self.positions[:, : x.shape[2]]

    def _require_known(self, largest: int) -> None:
        if largest >= self.config.n_tokens:
            raise BadCheckpoint(
                f"The text gave symbol number {largest}; the model has {self.config.n_tokens}.",
                "Import the weights with the config.json that belongs to them.",
            )

    def speaker_vectors(self, voices: Sequence[Voice]) -> Tensor | None:
        """`[B, C, 1]`; None for a model of one speaker. Raises UnknownVoice."""
        if self.speakers is None:
            return None
        return self.speakers(torch.cat([self._index(v) for v in voices])).unsqueeze(2)

    def _index(self, voice: Voice) -> Tensor:
        index = voice.tensors.get("speaker")
        if index is None or not 0 <= int(index) < self.config.n_speakers:
            count = self.config.n_speakers
            raise UnknownVoice(
                f"Voice '{voice.name}' names none of the model's {count} speakers.",
                "Choose one with --voice; `vivavoce voices list` shows them.",
            )
        return index.to(self.device).view(1)
