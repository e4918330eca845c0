"""Tacotron, whole: tokens -> memory -> frames, as many a step as the checkpoint says -> features.

Shapes: B rows, L tokens, E memory, M bands, T frames, S style width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.audio.features import extract
from vivavoce.audio.resample import resample
from vivavoce.errors import UnknownVoice, VoiceError
from vivavoce.models.base import Sentence, Traits, require_tokens
from vivavoce.models.spoken import CoquiSpoken
from vivavoce.models.stepwise import (
    FrameSequence,
    StepwiseModel,
    most_steps,
    steps_at_once,
)
from vivavoce.models.tacotron2.cbhg import CBHGEncoder, SpectrumPostnet
from vivavoce.models.tacotron2.config import TacotronConfig, TacotronOptions
from vivavoce.models.tacotron2.decoder import GRUDecoder, LSTMDecoder, ResidualPostnet
from vivavoce.models.tacotron2.guard import AttentionGuard
from vivavoce.models.tacotron2.style import Capacitron, StyleTokens
from vivavoce.nn.noise import Noise
from vivavoce.nn.recurrent import FusedLSTMCell, TokenEncoder
from vivavoce.nn.rows import State
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.types import Audio, Voice

MAX_TOKENS = 1000


@dataclass(eq=False)
class TacotronSequence(FrameSequence[TacotronOptions]):
    """A sentence, who watches its attention, and whether its prenet drops units."""

    config: TacotronConfig = field(kw_only=True)
    guard: AttentionGuard = field(kw_only=True)
    dropout: bool = False

    @property
    def done(self) -> bool:
        return super().done or self.guard.stuck

    def take(self, frames: Tensor, stop: float, peak: float, last: float = 0.0) -> None:
        """A step: frames `[r_init M]`, probability of the end, peak and end of the attention."""
        if self.done:
            return
        c = self.config
        self.frames.append(frames[: c.r * c.n_mels].view(c.r, c.n_mels).t())
        self.guard.push(int(peak))
        self.steps += 1
        if c.generation == 2:
            self.stopped = stop > 0.5 and self.steps > 1
        else:
            early = self.steps <= len(self.sentence.tokens) / 4
            self.stopped = not early and max(stop, last) > 0.6

    def problem(self) -> str:
        return self.guard.finish() or super().problem()


class Tacotron(CoquiSpoken[TacotronOptions, TacotronConfig], StepwiseModel[TacotronOptions]):
    """Shen et al., arXiv:1712.05884 (generation 2), Wang et al., arXiv:1703.10135 (1)."""

    family = "tacotron2"
    options_type = TacotronOptions
    config_type = TacotronConfig
    traits = Traits(emits_parts=True, int8=True, stream_frames=64)

    def make(self, c: TacotronConfig) -> None:
        if c.generation == 2:
            self.encoder = TokenEncoder(c.n_tokens, c.width, c.width)
            self.decoder, self.postnet = LSTMDecoder(c), ResidualPostnet(c.n_mels, c.postnet)
        else:
            self.encoder = CBHGEncoder(c.n_tokens, c.width, c.encoder_prenet, c.bank)
            self.decoder = GRUDecoder(c)
            self.postnet = SpectrumPostnet(c.n_mels, c.post_bank, c.post_width, c.n_linear)
        self.speakers = nn.Embedding(c.n_speakers, c.speaker_width) if c.n_speakers else None
        self.style: StyleTokens | Capacitron | None = None
        if c.style is not None and c.style.kind == "tokens":
            self.style = StyleTokens(c.style, c.n_mels)
        elif c.style is not None:
            self.style = Capacitron(c.style, c.n_mels, c.width)

    @property
    def device(self) -> torch.device:
        return self.encoder.embedding.weight.device

    def begin(
        self, sentence: Sentence[TacotronOptions], noise: Noise, attempt: int = 0
    ) -> TacotronSequence:
        """A second attempt drops units of the prenet, as in training, also where the first did not.

        Without that it would be the first again. Raises TextError, UnknownVoice, VoiceError.
        """
        require_tokens(sentence, MAX_TOKENS)
        c, ids = self.config, torch.tensor([sentence.tokens.ids], device=self.device)
        memory = self._memory(self.encoder(ids), sentence.voice)
        return TacotronSequence(
            sentence,
            noise,
            self.decoder.start(memory),
            most_steps(sentence, self.spec, c.r),
            self.spec,
            self.postnet,
            self.postnet.halo,
            config=c,
            guard=AttentionGuard(len(sentence.tokens), c.r / self.spec.frame_rate),
            dropout=c.dropout_at_inference or (c.prenet_dropout and attempt > 0),
        )

    def advance(self, rows: Sequence[FrameSequence[TacotronOptions]], state: State) -> State:
        frames, reads = [], []
        for _ in range(steps_at_once(self.device)):
            made, stop, state = self.decoder(state, self._masks(rows))
            frames.append(made)
            weights = state["weights"]
            read = [stop.sigmoid(), weights.argmax(1, keepdim=True).to(made.dtype)]
            if self.config.generation == 1:
                read.append(weights.gather(1, state["mask"].sum(1, keepdim=True) - 1))
            reads.append(torch.cat(read, 1))
        numbers_of = torch.stack(reads).tolist()  # the only wait for the device
        for made, numbers in zip(frames, numbers_of, strict=True):
            for row, own, read in zip(rows, made, numbers, strict=True):
                assert isinstance(row, TacotronSequence)
                row.take(own, *read)
        return state

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        """Evaluation mode; the two LSTM cells of generation 2 compute as in `arithmetic`."""
        for cell in self.decoder.modules():
            if isinstance(cell, FusedLSTMCell):
                cell.freeze(arithmetic or Arithmetic())
        return super().freeze()

    def speaker_tensors(self, index: int) -> dict[str, Tensor]:
        tensors = super().speaker_tensors(index) if self.speakers is not None else {}
        return tensors | ({} if self.style is None else {"style": self.style.default()[0].cpu()})

    @torch.inference_mode()
    def style_voice(
        self,
        style: Audio | Mapping[int, float],
        transcript: str = "",
        speaker: str | None = None,
        name: str = "style",
    ) -> Voice:
        """A speaker of the model with the style of a recording, or of weighted style tokens.

        `transcript` are the words of the recording, which Capacitron reads too. Raises VoiceError
        for a model without a style, AudioError for a recording too short.
        """
        if self.style is None or self.spec.kind != "mel":
            raise VoiceError("This model has no styles.", "Leave it out, or load a model with GST.")
        if isinstance(style, Audio):
            vector = self._style_of(self.style, style, transcript)
        elif isinstance(self.style, StyleTokens):
            vector = self.style.of_tokens(style)
        else:
            raise VoiceError("This model has no style tokens.", "Give a recording.")
        voice = self.voice(speaker)
        return Voice(name, self.family, {**voice.tensors, "style": vector[0].cpu()})

    def _style_of(self, style: StyleTokens | Capacitron, audio: Audio, transcript: str) -> Tensor:
        rate = self.spec.sample_rate
        samples = torch.from_numpy(resample(np.asarray(audio.samples), audio.sample_rate, rate))
        mel = extract(samples[None], self.spec).to(self.device).transpose(1, 2)
        if not transcript:
            return style.of_mel(mel, None)
        ids = torch.tensor([self.text.encode(transcript).ids], device=self.device)
        return style.of_mel(mel, self.encoder.embedding(ids))

    def _memory(self, encoded: Tensor, voice: Voice) -> Tensor:
        """What the attention reads, `[1, L, E]`: text, style, speaker. Raises UnknownVoice."""
        parts = [encoded]
        if self.style is not None:
            style = voice.tensors.get("style")
            vector = self.style.default() if style is None else style.to(self.device).view(1, -1)
            parts.append(vector.unsqueeze(1).expand(-1, encoded.shape[1], -1))
        if self.config.speaker_width:
            speaker = self._speaker(voice).view(1, 1, -1)
            parts.append(speaker.expand(-1, encoded.shape[1], -1))
        return torch.cat(parts, -1)

    def _speaker(self, voice: Voice) -> Tensor:
        if self.speakers is not None and "speaker" in voice.tensors:
            index = int(voice.tensors["speaker"])
            if 0 <= index < self.speakers.num_embeddings:
                return self.speakers.weight[index]
        elif "speaker_embedding" in voice.tensors and self.speakers is None:
            return voice.tensors["speaker_embedding"].to(self.device).float()
        raise UnknownVoice(
            f"Voice '{voice.name}' names no speaker that this model has.",
            "Choose one with --voice; `vivavoce voices list` shows them.",
        )

    def _masks(self, rows: Sequence[FrameSequence[TacotronOptions]]) -> list[Tensor]:
        """Dropout masks `[B, W]` of every layer of the prenet, drawn row by row; none: no masks."""
        drops = [isinstance(row, TacotronSequence) and row.dropout for row in rows]
        if not any(drops):
            return []
        masks = []
        for width in self.config.prenet:
            drawn = [
                (row.noise.uniform(0, width) < 0.5) * 2.0 if drop else torch.ones(width)
                for row, drop in zip(rows, drops, strict=True)
            ]
            masks.append(torch.stack(drawn).to(self.device))
        return masks
