"""XTTS, whole: a voice and a text -> latents of that voice saying it, while it is being said.

Shapes: W width, N positions, K codes, T frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.models.base import (
    AcousticModel,
    OnStep,
    Sentence,
    Traits,
    Transcriber,
    require_tokens,
)
from vivavoce.models.xtts import text as xtts_text
from vivavoce.models.xtts import voice as voices
from vivavoce.models.xtts.batcher import GrowingSentence, XttsBatcher
from vivavoce.models.xtts.conditioning import Conditioning
from vivavoce.models.xtts.config import XttsConfig, XttsOptions
from vivavoce.models.xtts.speaker import SpeakerEncoder
from vivavoce.nn.code_lengths import most_codes
from vivavoce.nn.gpt import Gpt
from vivavoce.nn.gpt_decode import GptDecoder, GptPrompt
from vivavoce.nn.kv_cache import KVCache, Span, VoiceCaches, whole_blocks
from vivavoce.nn.noise import Noise
from vivavoce.nn.resampler import LatentResampler
from vivavoce.runtime.arithmetic import Arithmetic, portable
from vivavoce.text.multilingual import LANGUAGES
from vivavoce.text.multilingual.detect import detect
from vivavoce.types import Audio, Chunk, Features, FeatureSpec, Tokens, Voice


@dataclass(frozen=True)
class Beginning:
    """A sentence to be started: its random numbers `[K]`, the voice's latents and embedding."""

    sentence: Sentence[XttsOptions]
    uniform: Tensor
    latents: Tensor
    embedding: Tensor

    @property
    def key(self) -> bytes:
        """What tells one voice from another."""
        return self.latents.numpy().tobytes()


class Xtts(AcousticModel[XttsOptions]):
    """Casanova et al., arXiv:2406.04904: GPT, conditioning and speaker encoder."""

    family = "xtts"
    options_type = XttsOptions
    config_type = XttsConfig
    text_type = xtts_text.XttsTextConfig
    traits = Traits(
        clones=True, emits_parts=True, large_products=True, int8=True, stream_frames=214
    )
    describe_voice = staticmethod(voices.describe_voice)
    mel_stats: Tensor
    speaker_latents: Tensor
    speaker_embeddings: Tensor

    def __init__(
        self,
        config: XttsConfig,
        spec: FeatureSpec = XTTS_LATENTS,
        text: xtts_text.XttsTextConfig | None = None,
        speaker_names: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config, self.spec, self.speaker_names = config, spec, speaker_names
        self.tokenizer = xtts_text.Tokenizer(text, config.text_tokens) if text else None
        self.gpt = Gpt(config)
        self.conditioning = Conditioning(config)
        self.speaker_encoder = SpeakerEncoder(config.speaker)
        n, width = len(speaker_names), config.speaker.width
        self.register_buffer("mel_stats", torch.ones(config.n_mels))
        self.register_buffer("speaker_latents", torch.zeros(n, config.n_latents, config.width))
        self.register_buffer("speaker_embeddings", torch.zeros(n, width))
        self.voice_caches = VoiceCaches()

    @property
    def device(self) -> torch.device:
        return self.mel_stats.device

    @property
    def row_bytes(self) -> int:
        """Keys and values of the longest utterance."""
        config, dtype = self.config, self.gpt.blocks.attention_dtype
        positions = config.n_latents + config.max_text + 2 + config.max_codes + 3
        return whole_blocks(positions) * config.depth * 2 * config.width * dtype.itemsize

    def speaker_tensors(self, index: int) -> dict[str, Tensor]:
        """A studio speaker of the checkpoint."""
        return {
            "latents": self.speaker_latents[index].cpu().float(),
            "embedding": self.speaker_embeddings[index].cpu().float(),
        }

    def make_voice(
        self,
        audio: Audio | Sequence[Audio],
        transcript: str = "",
        name: str = "voice",
        language: str = "en",
        licence: str = "",
        transcriber: Transcriber | None = None,
    ) -> Voice:
        """The voice heard in recordings, without their words. Raises as `voices.make_voice`."""
        return voices.make_voice(self, audio, name, language, licence, transcript)

    def chunks(self, text: str, voice: Voice, options: XttsOptions) -> Iterator[Chunk]:
        """By the characters that the language's utterances may have, and the tokens that fit."""
        language = self._language(text, voice, options)
        most = self.config.max_text - 2  # as the reference has it
        return xtts_text.chunks(text, language, self._tokenizer, most_tokens=most)

    def tokenise(self, text: str, voice: Voice, options: XttsOptions) -> Tokens:
        """Raises TextError for an unknown language or when nothing of `text` can be spoken."""
        return self._tokenizer.encode(text, self._language(text, voice, options))

    def unread(self, voice: Voice, options: XttsOptions) -> tuple[str, ...]:
        """The transcript is only kept with the voice; what of it the vocabulary lacks."""
        language = xtts_text.language_code(voice.language, self._tokenizer.languages)
        return self._tokenizer.unread(voice.transcript, language) if voice.transcript else ()

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[XttsOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One sentence: `Features` as they come, in growing pieces. Several: all rows, at the end.

        Raises TextError for a sentence without tokens or with too many.
        """
        decoding = GptDecoder(self.gpt, len(sentences))
        numbers = [noise.uniform(row, self.limit(one)) for row, one in enumerate(sentences)]
        growing = self.start_sequences(decoding, list(zip(sentences, numbers, strict=True)))
        if len(growing) == 1:
            yield from self._pieces(decoding, growing[0], on_step)
            return
        while decoding.sequences:
            decoding.step()
        rows = [one.rest() for one in growing]
        values = nn.utils.rnn.pad_sequence(
            [row.values[0].t() for row in rows], batch_first=True
        ).transpose(1, 2)
        yield Features(
            values,
            torch.cat([row.lengths for row in rows]),
            self.spec,
            condition=torch.cat([one.condition for one in growing]),
            problems=tuple(problem for row in rows for problem in row.problems),
        )

    def batcher(self, rows: int) -> XttsBatcher:
        """Continuous batching: sentences of any voice and options join between two codes."""
        return XttsBatcher(self, rows)

    def check(self, sentence: Sentence[XttsOptions]) -> tuple[Tensor, Tensor]:
        """The voice's latents and embedding. Raises TextError, VoiceError."""
        require_tokens(sentence, self.config.max_text)
        return voices.reference(sentence.voice, self.config)

    def start_sequences(
        self, decoding: GptDecoder, starts: Sequence[tuple[Sentence[XttsOptions], Tensor]]
    ) -> list[GrowingSentence]:
        """Add sentences to a decoder, which must have room.

        With each come `[K]` random numbers for its codes, as many as it may have.
        """
        given = [Beginning(one, numbers, *self.check(one)) for one, numbers in starts]
        sequences = decoding.add_all(
            [(self._prompt(one), one.sentence.options, one.uniform) for one in given]
        )
        return [
            GrowingSentence(
                sequence,
                one.sentence,
                self.stretch(one.sentence.options.speed),
                one.embedding.to(self.device)[None, :, None],
                self.spec,
                self.config.code_rate,
            )
            for one, sequence in zip(given, sequences, strict=True)
        ]

    def _prompt(self, one: Beginning) -> GptPrompt:
        """The text and START of the codes, behind the voice."""
        ids = torch.tensor(one.sentence.tokens.ids, device=self.device)[None]
        text = [self.gpt.text(ids), self.gpt.start(self.device)]
        latents = one.latents.to(self.device)[None]
        if not self.config.perceiver:  # such voices are long, and not kept
            return GptPrompt(torch.cat([latents, *text], dim=1))
        voice = self.voice_caches.get(one.key)
        if voice is None:
            voice = self._heard(latents)
            self.voice_caches.put(one.key, voice)
        return GptPrompt(torch.cat(text, dim=1), voice, latents.shape[1])

    def _heard(self, latents: Tensor) -> KVCache:
        """Keys and values of a voice `[1, N, W]`, in a pass of its own.

        A product's last digit may depend on its number of rows. In one pass with the text the
        first request with a seed would differ from the second, which finds the voice here.
        """
        n = latents.shape[1]
        voice = self.gpt.cache(1)
        voice.reserve(n)
        self.gpt(latents, voice, Span.prompt(0, 0, n, self.device))
        return voice

    def stretch(self, speed: float) -> LatentResampler:
        rates = (self.config.input_rate, self.spec.sample_rate)
        return LatentResampler.of(self.config.code_samples, self.spec.hop_length, rates, speed)

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        self.eval().requires_grad_(False)
        self.gpt.freeze(arithmetic or Arithmetic())
        return portable(self)

    def on_mlx(self, dtype: torch.dtype = torch.float32, int8: bool = False) -> Self:
        from vivavoce.models.xtts.mlx import engine
        from vivavoce.runtime.mlx import MlxFormat

        self.eval().requires_grad_(False)
        self.gpt.engine = engine(self.gpt, MlxFormat(dtype, int8))
        return self

    def _pieces(
        self, decoding: GptDecoder, growing: GrowingSentence, on_step: OnStep | None
    ) -> Iterator[Features]:
        """Frames that no later code changes, after `first_codes` codes and then ever more."""
        sequence = growing.sequence
        while True:
            if on_step is not None:
                on_step(len(sequence.codes), len(sequence.uniform))
            if (part := growing.part()) is not None:
                yield part
            if sequence.done:
                return
            decoding.step()

    def limit(self, sentence: Sentence[XttsOptions]) -> int:
        """How many codes a sentence may become; more would be the voice rambling on."""
        asked = sentence.options.max_codes
        return min(self.config.max_codes - 3, asked or most_codes(len(sentence.tokens)))

    def _language(self, text: str, voice: Voice, options: XttsOptions) -> str:
        """Raises TextError for one that the model does not know, MissingExtra for "auto"."""
        wanted, known = options.language or voice.language, self._tokenizer.languages
        if wanted != "auto":
            return xtts_text.language_code(wanted, known)
        told_apart = [code for code in known if code in LANGUAGES]
        return detect(text, told_apart) if told_apart else known[0]

    @property
    def _tokenizer(self) -> xtts_text.Tokenizer:
        assert self.tokenizer is not None
        return self.tokenizer
