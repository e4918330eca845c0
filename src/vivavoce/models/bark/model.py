"""Bark, whole: a text and a voice -> the codes of EnCodec.

Suno, https://github.com/suno-ai/bark (no paper). Shapes: K semantic tokens, T frames.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

from vivavoce.errors import ConfigError
from vivavoce.models.bark import guard
from vivavoce.models.bark.config import (
    BOOKS,
    COARSE_BOOKS,
    FINE_STEP,
    FRAME_RATE,
    MOST_SEMANTIC,
    PROMPT,
    BarkConfig,
    BarkOptions,
)
from vivavoce.models.bark.gpt import CausalGpt, FineGpt
from vivavoce.models.bark.stages import coarse_codes, fine_codes, semantic_tokens
from vivavoce.models.bark.text import BarkTextConfig, WordPieces
from vivavoce.models.bark.voice import history
from vivavoce.models.base import AcousticModel, OnStep, Sentence, Traits, require_tokens, stacked
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic, portable
from vivavoce.text.split import chunks
from vivavoce.types import Chunk, Features, FeatureSpec, Tokens, Voice

MAX_CHARS = 180
"""Of an utterance: 13 s, which Bark speaks well."""
WIDE_CHARS = 4
"""As many letters does a Chinese or Korean character stand for."""


class Bark(AcousticModel[BarkOptions]):
    """Semantic tokens, coarse codes and fine codes, by a transformer each."""

    family = "bark"
    options_type = BarkOptions
    config_type = BarkConfig
    text_type = BarkTextConfig
    traits = Traits(int8=True)

    def __init__(
        self,
        config: BarkConfig,
        spec: FeatureSpec,
        text: BarkTextConfig,
        speaker_names: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config, self.spec, self.speaker_names = config, spec, speaker_names
        self.pieces = WordPieces(text, config)
        self.semantic, self.coarse = CausalGpt(config.semantic), CausalGpt(config.coarse)
        self.fine = FineGpt(config.fine)

    @property
    def device(self) -> torch.device:
        return self.semantic.norm.weight.device

    def speaker_tensors(self, index: int) -> dict[str, Tensor]:
        """None: whoever it will be is drawn, for each utterance anew."""
        return {}

    def chunks(self, text: str, voice: Voice, options: BarkOptions) -> Iterator[Chunk]:
        return chunks(text, MAX_CHARS, _size)

    def tokenise(self, text: str, voice: Voice, options: BarkOptions) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken."""
        return self.pieces.encode(text)

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[BarkOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One after the other. Raises TextError for no tokens or too many, VoiceError."""
        tell = _steps(on_step, sum(map(self.limit, sentences)), self.config)
        yield stacked([self._row(one, noise.alone(n), tell) for n, one in enumerate(sentences)])

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        self.eval().requires_grad_(False)
        for gpt, few_rows in ((self.semantic, True), (self.coarse, True), (self.fine, False)):
            gpt.blocks.freeze(arithmetic or Arithmetic(), few_rows)
        return portable(self)

    def _row(
        self, sentence: Sentence[BarkOptions], noise: Noise, tell: Callable[[], None]
    ) -> Features:
        codes, wrong = self._spoken(sentence, noise, tell)
        length = torch.tensor([codes.shape[1]])
        return Features(codes[None].float(), length, self.spec, problems=(wrong,))

    def _spoken(
        self, sentence: Sentence[BarkOptions], noise: Noise, tell: Callable[[], None]
    ) -> tuple[Tensor, str]:
        """Codes `[8, T]`, and what went wrong."""
        tokens, options, config = sentence.tokens, sentence.options, self.config
        require_tokens(sentence, PROMPT)
        before = history(sentence.voice, config, self.device)
        limit = self.limit(sentence)
        exact = options.duration_s > 0
        text = torch.tensor(tokens.ids, device=self.device)
        uniform = noise.uniform(0, limit).to(self.device)
        semantic, ended = semantic_tokens(
            self.semantic, config, text, before, options, uniform, not exact, tell
        )
        wrong = guard.problem(tokens.text, len(semantic) / config.semantic_rate, ended)
        semantic = _paced(semantic, options.speed)

        def draw(count: int) -> Tensor:
            return noise.uniform(0, count)

        temperatures = options.waveform_temperature, options.fine_temperature
        coarse = coarse_codes(self.coarse, config, semantic, before, temperatures[0], draw, tell)
        if not coarse.shape[1]:
            return coarse.new_zeros(BOOKS, 0), wrong
        fine = fine_codes(self.fine, config, coarse, before, temperatures[1], draw, tell)
        return fine, "" if exact else wrong

    def limit(self, sentence: Sentence[BarkOptions]) -> int:
        """How many semantic tokens a sentence may become, or has to. Raises ConfigError."""
        options, rate = sentence.options, self.config.semantic_rate
        if options.duration_s:
            exact = max(1, round(options.duration_s * options.speed * rate))
            if exact > MOST_SEMANTIC:
                raise ConfigError(
                    f"duration_s is {options.duration_s:g}; at speed {options.speed:g} it may be "
                    f"{MOST_SEMANTIC / rate / options.speed:.1f}.",
                    "Use less, or 0 to let the model choose.",
                )
            return exact
        return min(MOST_SEMANTIC, round(guard.longest_s(sentence.tokens.text) * rate))


def _size(text: str) -> int:
    """Characters, as many as an alphabet would need."""
    return sum(WIDE_CHARS if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _paced(semantic: Tensor, speed: float) -> Tensor:
    """Tokens left out or said twice at equal distances: the voice's pitch stays."""
    if speed == 1.0 or not len(semantic):
        return semantic
    count = max(1, round(len(semantic) / speed))
    places = (torch.arange(count, device=semantic.device) * speed).long()
    return semantic[places.clamp(max=len(semantic) - 1)]


def _steps(on_step: OnStep | None, limit: int, config: BarkConfig) -> Callable[[], None]:
    """What a stage calls for each of its steps. Their number is the most that there may be."""
    if on_step is None:
        return lambda: None
    frames = math.ceil(limit / config.semantic_rate * FRAME_RATE)
    passes = (BOOKS - COARSE_BOOKS) * (1 + math.ceil(frames / FINE_STEP))
    total = limit + COARSE_BOOKS * frames + passes
    done = itertools.count(1)
    return lambda: on_step(min(next(done), total), total)
