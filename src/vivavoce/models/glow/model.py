"""Glow-TTS, whole: tokens -> prior -> durations -> flow -> mel."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import TextError, UnknownVoice
from vivavoce.models.base import AcousticModel, OnStep, Sentence, Traits
from vivavoce.models.glow import text as glow_text
from vivavoce.models.glow.config import GlowConfig, GlowOptions
from vivavoce.models.glow.encoder import GlowTextEncoder
from vivavoce.nn.alignment import expand_path
from vivavoce.nn.glow_decoder import GlowDecoder
from vivavoce.nn.noise import Noise
from vivavoce.nn.padding import length_mask, pad_tokens
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.text.split import chunks
from vivavoce.types import Chunk, Features, FeatureSpec, Tokens, Voice

MAX_CHARS = 220  # about 15 s of speech: longer utterances than training saw drift


class GlowTTS(AcousticModel[GlowOptions]):
    """Kim et al. 2020, arXiv:2005.11129, with the shapes and key quirks of Coqui's version."""

    family = "glow"
    options_type = GlowOptions
    config_type = GlowConfig
    text_type = glow_text.GlowTextConfig
    traits = Traits(times_words=True, stream_frames=64)

    def __init__(
        self,
        config: GlowConfig,
        spec: FeatureSpec,
        text: glow_text.GlowTextConfig | None = None,
        speaker_names: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.text = text or glow_text.GlowTextConfig()
        self.speaker_names = speaker_names
        self.encoder = GlowTextEncoder(config)
        self.decoder = GlowDecoder(config)
        self.speakers = (
            nn.Embedding(config.n_speakers, config.speaker_width) if config.n_speakers else None
        )
        if self.speakers is not None:
            nn.init.uniform_(self.speakers.weight, -0.1, 0.1)

    def chunks(self, text: str, voice: Voice, options: GlowOptions) -> Iterator[Chunk]:
        return chunks(text, MAX_CHARS)

    def tokenise(
        self, text: str, voice: Voice | None = None, options: GlowOptions | None = None
    ) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken."""
        return glow_text.encode(self.text, text)

    @property
    def device(self) -> torch.device:
        return self.encoder.embedding.weight.device

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[GlowOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One `Features` with a row per sentence; voices and options may differ.

        Row `i` draws from `noise` row `i`, frame by frame, so that a row's result does not depend
        on its neighbours. Raises TextError for a sentence without tokens.
        """
        if any(len(s.tokens) == 0 for s in sentences):
            raise TextError("There is nothing to speak.", "Give at least one word.")
        device = self.device
        ids, mask = pad_tokens([s.tokens for s in sentences], device)
        speaker = self.speaker_vectors([s.voice for s in sentences], device)
        mean, log_scale, log_durations = self.encoder(ids, mask, speaker)
        speed = _column([s.options.speed for s in sentences], device)
        durations = self.durations(log_durations, mask, speed)
        lengths = durations.sum(1).clamp_min(self.config.n_squeeze)
        n_frames = int(lengths.max())
        path = expand_path(durations.float(), n_frames)
        prior = torch.matmul(mean, path)
        if any(s.options.noise_scale > 0 for s in sentences):
            drawn = noise.normal(lengths.tolist(), self.config.n_mels).to(device)
            scale = _column([s.options.noise_scale for s in sentences], device)
            spread = torch.matmul(log_scale, path).exp() * scale
            prior = prior + spread * drawn
        frame_mask = None if len(sentences) == 1 else length_mask(lengths, n_frames)
        mel = self.decoder.reverse(prior, frame_mask, speaker)
        lengths = lengths // self.config.n_squeeze * self.config.n_squeeze
        yield Features(mel.float(), lengths, self.spec, durations)

    def durations(self, log_durations: Tensor, mask: Tensor, speed: Tensor | float) -> Tensor:
        """Whole frames per token `[B, L]`: at least one for a real token, none for padding."""
        frames = (log_durations.exp() - 1) * mask / speed
        return (frames.ceil().clamp_min(1) * mask).squeeze(1).long()

    def batch_key(self, sentence: Sentence[GlowOptions]) -> Hashable:
        """Any sentences can share a batch."""
        return None

    def speaker_vectors(self, voices: Sequence[Voice], device: torch.device) -> Tensor | None:
        """`[B, G, 1]`, unit length. Raises UnknownVoice when the model needs a speaker."""
        if not self.config.speaker_width:
            return None
        vectors = torch.cat([self._speaker_vector(voice, device) for voice in voices])
        return F.normalize(vectors).unsqueeze(2)

    def _speaker_vector(self, voice: Voice, device: torch.device) -> Tensor:
        """`[1, G]`."""
        if "speaker_embedding" in voice.tensors:
            return voice.tensors["speaker_embedding"].to(device).float().view(1, -1)
        if self.speakers is not None and "speaker" in voice.tensors:
            index = voice.tensors["speaker"].to(device).view(1)
            if not 0 <= int(index) < self.speakers.num_embeddings:
                raise UnknownVoice(
                    f"Voice '{voice.name}' asks for speaker {int(index)}; the model has "
                    f"{self.speakers.num_embeddings}."
                )
            return self.speakers(index)
        raise UnknownVoice(
            f"Voice '{voice.name}' names no speaker, and this model has several.",
            "Choose one with --voice; `vivavoce voices list` shows them.",
        )

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        """Evaluation mode, inverse maps computed once; `arithmetic` changes nothing here."""
        self.eval().requires_grad_(False)
        self.decoder.freeze()
        return self


def _column(values: list[float], device: torch.device) -> Tensor | float:
    """A number that all rows share, or one per row `[B, 1, 1]`."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, device=device)[:, None, None]
