"""Models that make all frames at once, by a duration for every token.

A family writes `predict` and `decode`. Shapes: B batch, L tokens, T frames, M mels, D speaker.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, TextError, UnknownVoice
from vivavoce.models.base import OnStep, Sentence, Traits
from vivavoce.models.spoken import CoquiSpoken
from vivavoce.nn.noise import Noise
from vivavoce.nn.padding import pad_tokens
from vivavoce.options import Options
from vivavoce.types import Features, Voice

O = TypeVar("O", bound=Options)  # noqa: E741 - the type of a family's options
C = TypeVar("C")


class Predicted(NamedTuple):
    """What the tokens say: hidden states as `decode` takes them, the rest `[B, 1, L]` if at all."""

    hidden: Tensor
    log_durations: Tensor
    pitch: Tensor | None
    energy: Tensor | None


class ParallelModel(CoquiSpoken[O, C]):
    """`embedding` has a row for every symbol, `speakers` one for every speaker of several."""

    traits = Traits(times_words=True, stream_frames=64)
    embedding: nn.Embedding
    speakers: nn.Embedding | None

    @abstractmethod
    def predict(self, ids: Tensor, mask: Tensor, speaker: Tensor | None = None) -> Predicted:
        """Ids `[B, L]`, their mask `[B, 1, L]` and the speaker `[B, D, 1]`, if there are any."""

    @abstractmethod
    def decode(
        self, hidden: Tensor, durations: Tensor, lengths: Tensor, speaker: Tensor | None = None
    ) -> Tensor:
        """Tokens on their frames `[B, L]` to the mel `[B, M, T]`. Raises TextError."""

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    @torch.inference_mode()
    def generate(
        self, sentences: Sequence[Sentence[O]], noise: Noise, on_step: OnStep | None = None
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
        speaker = self.speaker_vectors([s.voice for s in sentences])
        said = self.predict(ids, mask, speaker)
        durations = self.frames(said.log_durations, mask, speed)
        lengths = durations.sum(1)
        mel = self.decode(said.hidden, durations, lengths, speaker)
        yield Features(mel.float(), lengths, self.spec, durations)

    def batch_key(self, sentence: Sentence[O]) -> Hashable:
        """Any sentences can share a batch."""
        return None

    def frames(self, log_durations: Tensor, mask: Tensor, speed: Tensor | float) -> Tensor:
        """Whole frames per token `[B, L]`: at least one for a real token, none for padding."""
        frames = (log_durations.float().exp() - 1).squeeze(1) / speed
        return (frames.clamp_min(1).round() * mask.squeeze(1)).long()

    def speaker_vectors(self, voices: Sequence[Voice]) -> Tensor | None:
        """`[B, D, 1]`; None for a model of one speaker. Raises UnknownVoice."""
        if self.speakers is None:
            return None
        return self.speakers(torch.cat([self._index(v) for v in voices])).unsqueeze(2)

    def _require_known(self, largest: int) -> None:
        known = self.embedding.num_embeddings
        if largest >= known:
            raise BadCheckpoint(
                f"The text gave symbol number {largest}; the model has {known}.",
                "Import the weights with the config.json that belongs to them.",
            )

    def _index(self, voice: Voice) -> Tensor:
        assert self.speakers is not None
        index, count = voice.tensors.get("speaker"), self.speakers.num_embeddings
        if index is None or not 0 <= int(index) < count:
            raise UnknownVoice(
                f"Voice '{voice.name}' names none of the model's {count} speakers.",
                "Choose one with --voice; `vivavoce voices list` shows them.",
            )
        return index.to(self.device).view(1)
