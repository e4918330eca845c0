"""Tortoise, whole: several takes of a text by a GPT, the best of them made a mel by diffusion.

Betker 2023, arXiv:2305.07243. Shapes: W width, N positions, K codes, M mels, T frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

from vivavoce.audio.specs import DVAE_22K, TORTOISE_24K
from vivavoce.models.base import (
    AcousticModel,
    OnStep,
    Sentence,
    Traits,
    Transcriber,
    require_tokens,
    stacked,
)
from vivavoce.models.tortoise import voice as voices
from vivavoce.models.tortoise.config import TortoiseConfig, TortoiseOptions
from vivavoce.models.tortoise.diffusion import DiffusionDecoder
from vivavoce.models.tortoise.rank import Rank
from vivavoce.models.tortoise.schedule import denoised, steps_back
from vivavoce.models.tortoise.takes import MOST_CODES, Take, spoken
from vivavoce.models.tortoise.text import TortoiseText, TortoiseTextConfig, chunks
from vivavoce.nn.code_lengths import length_problem, most_codes
from vivavoce.nn.gpt import Gpt
from vivavoce.nn.gpt_decode import CodeSequence, GptDecoder, GptPrompt
from vivavoce.nn.mel_attention import ConditioningEncoder
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic, portable
from vivavoce.types import Audio, Chunk, Features, FeatureSpec, Tokens, Voice

SIDE_BY_SIDE = 16
"""Takes that are made, or compared with the text, at once."""
LOWEST, HIGHEST = -11.512925148010254, 2.3143386840820312
"""Of the mel: the diffusion's -1 and 1."""


class Tortoise(AcousticModel[TortoiseOptions]):
    """GPT, encoder of recordings, ranking network, diffusion decoder, and two that draw voices."""

    family = "tortoise"
    options_type = TortoiseOptions
    config_type = TortoiseConfig
    text_type = TortoiseTextConfig
    traits = Traits(clones=True, fast_options={"quality": "ultra_fast"})
    mel_stats: Tensor

    def __init__(
        self,
        config: TortoiseConfig,
        spec: FeatureSpec = TORTOISE_24K,
        text: TortoiseTextConfig | None = None,
        speaker_names: tuple[str, ...] = ("random",),
    ) -> None:
        super().__init__()
        self.config, self.spec, self.speaker_names = config, spec, speaker_names
        self.text = TortoiseText(text, config.text_tokens) if text else None
        c = config
        self.gpt = Gpt(c)
        self.conditioning = ConditioningEncoder(
            c.n_mels, c.width, c.heads, c.condition_blocks, residual=True
        )
        self.rank = Rank(c.rank)
        self.diffusion = DiffusionDecoder(c.diffusion, c.width, spec.n_mels)
        self.drawn_latent = voices.Drawn(c.width)
        self.drawn_embedding = voices.Drawn(2 * c.diffusion.width)
        self.register_buffer("mel_stats", torch.ones(c.n_mels))

    @property
    def device(self) -> torch.device:
        return self.mel_stats.device

    def voice(self, name: str | None = None) -> Voice:
        """`random`, or a number: a voice that is drawn, the same for the same number."""
        if name is not None and name.isdecimal() and len(name) < 10:
            return Voice(name, self.family, voices.drawn(self, int(name)))
        return super().voice(name)

    def speaker_tensors(self, index: int) -> dict[str, Tensor]:
        """The voice of number `index`."""
        return voices.drawn(self, index)

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

    def chunks(self, text: str, voice: Voice, options: TortoiseOptions) -> Iterator[Chunk]:
        return chunks(text)

    def tokenise(self, text: str, voice: Voice, options: TortoiseOptions) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken."""
        assert self.text is not None
        return self.text.encode(text)

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[TortoiseOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One `Features` with a row per sentence: one sentence after the other, takes together.

        Raises TextError for a sentence without tokens or with too many, VoiceError.
        """
        yield stacked([self._row(one, noise.alone(n), on_step) for n, one in enumerate(sentences)])

    def _row(
        self, sentence: Sentence[TortoiseOptions], noise: Noise, on_step: OnStep | None
    ) -> Features:
        """A sentence's mel, one row."""
        options, tokens = sentence.options, sentence.tokens
        require_tokens(sentence, self.config.max_text - 1)
        latent, embedding = voices.reference(sentence.voice, self.config)
        # the published inference puts one stop more behind the text
        ids = torch.tensor([[*tokens.ids, self.config.stop_text]], device=self.device)
        latent = latent.to(self.device)[None, None]
        limit = self.limit(sentence)
        total = limit + options.diffusion_steps
        takes = self.takes(latent, ids, options, noise, limit, on_step and _part(on_step, 0, total))
        take, codes = self.best(ids, takes)
        asked = options.max_codes > 0
        rate = DVAE_22K.sample_rate / self.config.code_samples
        problem = length_problem(len(take.codes), len(tokens), rate, take.stopped, asked)
        latents = self.latents(latent, ids, spoken(codes))
        frames = self.frames(latents.shape[1], options.speed)
        said = self.diffusion.said(latents, embedding.to(self.device)[None], frames)
        tell = on_step and _part(on_step, limit, total)
        mel = (self.mel(said, options, noise, tell) + 1) / 2 * (HIGHEST - LOWEST) + LOWEST
        return Features(mel.float(), torch.tensor([mel.shape[2]]), self.spec, problems=(problem,))

    @property
    def longest(self) -> int:
        """Codes of the longest take."""
        return min(MOST_CODES, self.config.max_codes - 3)

    def limit(self, sentence: Sentence[TortoiseOptions]) -> int:
        """How many codes a sentence may become; more would be the voice rambling on."""
        return min(self.longest, sentence.options.max_codes or most_codes(len(sentence.tokens)))

    def frames(self, n_codes: int, speed: float) -> int:
        """Frames that codes become."""
        hops = self.config.code_samples // DVAE_22K.hop_length
        natural = n_codes * hops * self.spec.sample_rate // DVAE_22K.sample_rate
        return max(1, round(natural / speed))

    def takes(
        self,
        latent: Tensor,
        ids: Tensor,
        options: TortoiseOptions,
        noise: Noise,
        limit: int,
        on_step: OnStep | None = None,
    ) -> list[Take]:
        """Ways to say `ids` `[1, L]`, each drawn from random numbers of its own.

        The voice `latent` `[1, 1, W]` and the text are read once for all.
        """
        start = self.gpt.start(self.device)
        before = torch.cat([latent, self.gpt.text(ids)], dim=1)
        decoding = GptDecoder(self.gpt, min(options.takes, SIDE_BY_SIDE))
        numbers = [noise.uniform(0, limit) for _ in range(options.takes)]
        first = GptPrompt(torch.cat([before, start], dim=1), keep=before.shape[1])
        made = [decoding.add(first, options, numbers[0])]
        other = GptPrompt(start, made[0].voice, before.shape[1])
        while len(made) < len(numbers) or decoding.sequences:
            room = decoding.rows - len(decoding.sequences)
            more = numbers[len(made) : len(made) + room]
            made += decoding.add_all([(other, options, uniform) for uniform in more])
            if on_step is not None:
                on_step(sum(len(one.codes) for one in made) // len(numbers), limit)
            decoding.step()
            for one in made:
                one.states.clear()  # those of the best are computed again, its silence included
        return [_take(one) for one in made]

    def best(self, ids: Tensor, takes: Sequence[Take]) -> tuple[Take, Tensor]:
        """The take that says the text best, and its codes, filled; one that ended, if any did."""
        filled = torch.stack([take.filled(self.longest) for take in takes])
        if len(takes) == 1:
            return takes[0], filled[0].to(self.device)
        known = filled.clamp(max=self.config.rank.code_tokens - 1).to(self.device)
        scores = torch.cat([self.rank(ids, some) for some in known.split(SIDE_BY_SIDE)]).cpu()
        ended = torch.tensor([take.stopped for take in takes])
        if ended.any():
            scores = scores.masked_fill(~ended, -torch.inf)
        number = int(scores.argmax())
        return takes[number], filled[number].to(self.device)

    def latents(self, latent: Tensor, ids: Tensor, codes: Tensor) -> Tensor:
        """States `[1, K, W]` from which the codes `[K]` of a take are said."""
        return self.gpt.teacher_forced(latent, ids, codes[None])[1][:, :-1]

    def mel(
        self,
        said: Tensor,
        options: TortoiseOptions,
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """A mel `[1, M, T]` in [-1, 1] of what is `said` `[1, W, T]`."""

        def draw() -> Tensor:
            return noise.normal([said.shape[2]], self.spec.n_mels).to(self.device)

        both = torch.cat([said, self.diffusion.unsaid(said)]) if options.guidance else said
        steps = steps_back(options.diffusion_steps, self.config.diffusion.steps)
        return denoised(
            draw() * options.diffusion_temperature,
            steps,
            lambda x, step: self.diffusion(x, step, both),
            options.guidance,
            draw if options.sampler == "ancestral" else None,
            on_step,
        )

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        self.eval().requires_grad_(False)
        self.gpt.freeze(arithmetic or Arithmetic())
        return portable(self)


def _take(sequence: CodeSequence) -> Take:
    codes = sequence.codes[:-1] if sequence.stopped else sequence.codes
    return Take(tuple(codes), sequence.stopped)


def _part(on_step: OnStep, done_before: int, total: int) -> OnStep:
    """Tells of a part of the work as of the whole."""
    return lambda done, _: on_step(done_before + done, total)
