"""XTTS, whole: a voice and a text -> latents of that voice saying it, while it is being said.

Knows no vocoder. Shapes: W width, N positions, K codes, T frames.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.errors import TextError
from vivavoce.models.base import AcousticModel, OnStep, Traits, Transcriber
from vivavoce.models.xtts import text as xtts_text
from vivavoce.models.xtts import voice as voices
from vivavoce.models.xtts.cache import Cache
from vivavoce.models.xtts.conditioning import Conditioning
from vivavoce.models.xtts.config import XttsConfig, XttsOptions
from vivavoce.models.xtts.decode import Decoding, Line, Prompt
from vivavoce.models.xtts.frames import Stretch
from vivavoce.models.xtts.gpt import Gpt
from vivavoce.models.xtts.sampling import Sampler
from vivavoce.models.xtts.speaker import SpeakerEncoder
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.text.multilingual.detect import detect
from vivavoce.types import Audio, Chunk, Features, FeatureSpec, Tokens, Voice

CODES_PER_TOKEN = (0.6, 8.0)
"""Speech has 2 to 5; what is far outside has lost its text, or does not find its end."""
SPARE_CODES = 65
PIECE_CODES = 48
"""A stream's pieces grow to so many: as long as a window of the vocoder."""
KEPT_VOICES = 8


class Xtts(AcousticModel[XttsOptions]):
    """Casanova et al., arXiv:2406.04904: GPT, conditioning and speaker encoder."""

    family = "xtts"
    options_type = XttsOptions
    config_type = XttsConfig
    text_type = xtts_text.TextConfig
    traits = Traits(clones=True, emits_parts=True, int8=True, stream_frames=214)
    describe_voice = staticmethod(voices.describe_voice)
    mel_stats: Tensor
    speaker_latents: Tensor
    speaker_embeddings: Tensor

    def __init__(
        self,
        config: XttsConfig,
        spec: FeatureSpec = XTTS_LATENTS,
        text: xtts_text.TextConfig | None = None,
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
        self.heard: OrderedDict[bytes, Cache] = OrderedDict()

    @property
    def device(self) -> torch.device:
        return self.mel_stats.device

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

    @torch.inference_mode()
    def generate(
        self,
        tokens: Sequence[Tokens],
        voice: Voice,
        options: XttsOptions,
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One text: `Features` as they come, in growing pieces. Several: all rows, at the end.

        Raises TextError for an entry without tokens or with too many.
        """
        latents, embedding = voices.reference(voice, self.config)
        condition = embedding.to(self.device)[None, :, None]
        decoding = Decoding(self.gpt, len(tokens))
        lines = [
            self.begin(
                decoding, entry, latents, options, noise.uniform(row, self._limit(entry, options))
            )
            for row, entry in enumerate(tokens)
        ]
        stretch = self.stretch(options.speed)
        if len(lines) == 1:
            yield from self._pieces(
                decoding, lines[0], tokens[0], stretch, options, condition, on_step
            )
            return
        while decoding.lines:
            decoding.step()
        whole = [stretch.frames(line.latents())[0] for line in lines]
        values = nn.utils.rnn.pad_sequence([x.t() for x in whole], batch_first=True)
        yield Features(
            values.transpose(1, 2).float(),
            torch.tensor([x.shape[1] for x in whole]),
            self.spec,
            condition=condition,
            problems=tuple(
                self._problem(*pair, options) for pair in zip(lines, tokens, strict=True)
            ),
        )

    def begin(
        self,
        decoding: Decoding,
        tokens: Tokens,
        latents: Tensor,
        options: XttsOptions,
        uniform: Tensor,
    ) -> Line:
        """A text in a voice as a line of a decoding, which must have room.

        `uniform` `[K]` are the random numbers of its codes, as many as it may have.
        """
        if not 0 < len(tokens) <= self.config.max_text:
            raise TextError(
                f"{len(tokens)} tokens are no utterance: it may have 1 to {self.config.max_text}.",
                "Give a word at least; `speak` cuts long texts by itself.",
            )
        device = self.device
        ids = torch.tensor(tokens.ids, device=device)[None]
        text = [self.gpt.text(ids), self.gpt.start(device)]
        key, n = latents.numpy().tobytes(), len(latents)
        known = self.heard.get(key)
        if known is None:
            keep = n if self.config.perceiver else 0  # without one, voices are long
            prompt = Prompt(torch.cat([latents.to(device)[None], *text], dim=1), keep=keep)
        else:
            prompt = Prompt(torch.cat(text, dim=1), known, n)
        sampler = Sampler(
            options.temperature, options.top_k, options.top_p, options.repetition_penalty
        )
        line = decoding.join(prompt, sampler, uniform)
        if line.voice is not None:
            self._remember(key, line.voice)
        return line

    def stretch(self, speed: float) -> Stretch:
        rates = (self.config.input_rate, self.spec.sample_rate)
        return Stretch.of(self.config.code_samples, self.spec.hop_length, rates, speed)

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        self.eval().requires_grad_(False)
        self.gpt.freeze(arithmetic or Arithmetic())
        return self

    def _pieces(
        self,
        decoding: Decoding,
        line: Line,
        tokens: Tokens,
        stretch: Stretch,
        options: XttsOptions,
        condition: Tensor,
        on_step: OnStep | None,
    ) -> Iterator[Features]:
        """Frames that no later code changes, after `first_codes` codes and then ever more."""
        due, given, piece = options.first_codes, 0, options.first_codes
        while True:
            if on_step is not None:
                on_step(len(line.codes), len(line.uniform))
            n_codes = len(line.codes)
            stop = stretch.length(n_codes) if line.done else stretch.settled(n_codes)
            if line.done or (n_codes >= due and stop > given):
                values = stretch.frames(line.latents())[..., given:stop].float()
                problem = self._problem(line, tokens, options) if line.done else ""
                lengths, problems = torch.tensor([values.shape[-1]]), (problem,)
                yield Features(values, lengths, self.spec, condition=condition, problems=problems)
                piece = min(2 * piece, PIECE_CODES)
                due, given = n_codes + piece, stop
            if line.done:
                return
            decoding.step()

    def _limit(self, tokens: Tokens, options: XttsOptions) -> int:
        """How many codes a text may become: more would be the voice rambling on."""
        fits = self.config.max_codes - 3
        wanted = options.max_codes or SPARE_CODES + round(CODES_PER_TOKEN[1] * len(tokens))
        return min(fits, wanted)

    def _problem(self, line: Line, tokens: Tokens, options: XttsOptions) -> str:
        """What is wrong with a line that is done, if anything is."""
        seconds = len(line.codes) / self.config.code_rate
        if not line.stopped and not options.max_codes:
            return f"The voice did not come to an end within {seconds:.1f} s"
        if line.stopped and len(line.codes) < CODES_PER_TOKEN[0] * len(tokens) - 2:
            return f"The voice stopped after {seconds:.1f} s, before it had said everything"
        return ""

    def _remember(self, key: bytes, cache: Cache) -> None:
        """What the GPT kept of a voice: every text of it begins with the same positions."""
        self.heard[key] = cache
        while len(self.heard) > KEPT_VOICES:
            self.heard.popitem(last=False)

    def _language(self, text: str, voice: Voice, options: XttsOptions) -> str:
        """Raises TextError for one that the model does not know, MissingExtra for "auto"."""
        wanted, known = options.language or voice.language, self._tokenizer.languages
        return detect(text, known) if wanted == "auto" else xtts_text.language_code(wanted, known)

    @property
    def _tokenizer(self) -> xtts_text.Tokenizer:
        assert self.tokenizer is not None
        return self.tokenizer
