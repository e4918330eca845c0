"""F5-TTS and E2, whole: a voice and a text -> the mel of that voice saying it.

Shapes: B rows, N frames (reference and speech), M mels, T frames of speech.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Self

import torch
from torch import Tensor

from vivavoce.audio.features import FeatureExtractor
from vivavoce.config import from_dict
from vivavoce.errors import ConfigError, TextError
from vivavoce.models.base import AcousticModel, OnStep, Sentence, Traits, Transcriber
from vivavoce.models.f5 import chunking
from vivavoce.models.f5 import text as f5_text
from vivavoce.models.f5.config import F5Config, F5Options
from vivavoce.models.f5.dit import DiT
from vivavoce.models.f5.sampler import evaluations, guided, sample
from vivavoce.models.f5.unett import UNetT
from vivavoce.models.f5.voice import describe_voice, make_voice, reference
from vivavoce.nn.noise import Noise
from vivavoce.runtime import bucket_length
from vivavoce.runtime.arithmetic import Arithmetic, portable
from vivavoce.text.split import chunks
from vivavoce.text.vocabulary import Vocabulary
from vivavoce.text.written import known_language
from vivavoce.types import Audio, Chunk, Features, FeatureSpec, Tokens, Voice

FIRST_SHARE = 0.4  # of the budget for the first chunk, so that the first audio comes early


@dataclass(frozen=True)
class Gap:
    """A mel `[N, M]` to be completed: given where `known` `[N]`, and the ids of all it says."""

    mel: Tensor
    known: Tensor
    ids: Tensor


@dataclass(frozen=True)
class F5Prompt:
    """A voice's recording: its mel `[N, M]`, its samples counted, and how loud it was."""

    mel: Tensor
    n_samples: int
    gain: float


class F5TTS(AcousticModel[F5Options]):
    """Chen et al., arXiv:2410.06885 (F5, `dit`); Eskimez et al., arXiv:2406.18009 (E2, `unett`)."""

    family = "f5"
    options_type = F5Options
    config_type = F5Config
    text_type = f5_text.F5TextConfig
    traits = Traits(
        clones=True, large_products=True, paced_by_reference=True, fast_options={"steps": 7}
    )
    describe_voice = staticmethod(describe_voice)

    def __init__(
        self, config: F5Config, spec: FeatureSpec, text: f5_text.F5TextConfig, variant: str = ""
    ) -> None:
        super().__init__()
        self.config, self.spec, self.text, self.variant = config, spec, text, variant
        self.vocabulary = Vocabulary(text.vocabulary)
        self.backbone = UNetT(config) if config.backbone == "unett" else DiT(config)
        self.kept: dict[tuple[float, ...], list[Tensor]] = {}
        self.deciding = Lock()  # `variant` and `kept` are decided once, by whoever speaks first

    @classmethod
    def build(cls, manifest: Mapping[str, Any]) -> Self:
        variant = manifest.get("variant") or {}
        return cls(
            from_dict(F5Config, manifest["config"], "config"),
            from_dict(FeatureSpec, manifest["features"], "features"),
            from_dict(f5_text.F5TextConfig, manifest["text"], "text"),
            variant.get("name", ""),
        )

    def make_voice(
        self,
        audio: Audio | Sequence[Audio],
        transcript: str = "",
        name: str = "voice",
        language: str = "en",
        licence: str = "",
        transcriber: Transcriber | None = None,
    ) -> Voice:
        return make_voice(audio, transcript, name, language, licence, transcriber)

    @property
    def device(self) -> torch.device:
        return self.backbone.output.weight.device

    def chunks(self, text: str, voice: Voice, options: F5Options) -> Iterator[Chunk]:
        """By the bytes that fit the model's window beside the voice's recording."""
        samples, _ = reference(voice)
        seconds = len(samples) / self.spec.sample_rate
        limit = chunking.budget(voice.transcript, seconds, options.speed)
        said = options.normalise and known_language(voice.language) is not None
        size = chunking.spoken_bytes if said else chunking.utf8_bytes
        return chunks(text, limit, size, max(chunking.LEAST_BUDGET, int(limit * FIRST_SHARE)))

    def tokenise(self, text: str, voice: Voice, options: F5Options) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken, MissingExtra for Chinese."""
        normalise = options.normalise and self.text.normalise
        return f5_text.encode(self.text, self.vocabulary, text, voice.language, normalise)

    def unread(self, voice: Voice, options: F5Options) -> tuple[str, ...]:
        return f5_text.unread(self.text, self.vocabulary, voice.transcript)

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[F5Options]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One `Features` with a row per sentence; the reference is not part of it.

        Voices, speeds and lengths may differ from row to row; the solver's options are the first
        row's. The last frame of the reference is given to the model and not copied into the result.
        """
        if any(len(s.tokens) == 0 for s in sentences):
            raise TextError("There is nothing to speak.", "Give at least one word.")
        prompts = {id(s.voice): self._prompt(s.voice) for s in sentences}
        rows = [prompts[id(s.voice)] for s in sentences]
        gaps = [self._continuation(*pair) for pair in zip(rows, sentences, strict=True)]
        first = sentences[0]
        full = self.complete(gaps, first.options, noise, on_step, first.voice)
        known = [len(prompt.mel) for prompt in rows]
        lengths = [len(gap.mel) - start for gap, start in zip(gaps, known, strict=True)]
        values = torch.zeros(len(gaps), self.spec.n_mels, max(lengths), device=full.device)
        for row, (start, length) in enumerate(zip(known, lengths, strict=True)):
            values[row, :, :length] = full[row, start : start + length].t()
        gains = tuple(prompt.gain for prompt in rows)
        yield Features(values, torch.tensor(lengths), self.spec, gains=gains)

    def batch_key(self, sentence: Sentence[F5Options]) -> Hashable:
        """Sentences of any voice and speed can share the solver's steps."""
        return replace(sentence.options, speed=1.0, duration_s=0.0, normalise=True)

    def _prompt(self, voice: Voice) -> F5Prompt:
        samples, gain = reference(voice)
        return F5Prompt(self.mel(samples), len(samples), gain)

    @torch.inference_mode()
    def edit(
        self,
        samples: Tensor,
        keep: Sequence[tuple[int, int]],
        gaps: Sequence[int],
        text: str,
        options: F5Options,
        noise: Noise,
        voice: Voice | None = None,
        on_step: OnStep | None = None,
    ) -> Features:
        """Samples `[S]` with other frames between the kept ones.

        `keep` are spans of frames that stay, in order; `gaps[i]` frames are made after the i-th.
        `text` is what all of it says in the end. Kept frames come out as they were. A `voice` is
        only needed to tell v0 from v1 where nothing else does.
        """
        mel = self.mel(samples)
        parts, known = [], []
        for (start, stop), gap in zip(keep, gaps, strict=True):
            parts += [mel[start:stop], mel.new_zeros(gap, mel.shape[1])]
            known += [True] * (stop - start) + [False] * gap
        whole = Gap(torch.cat(parts), torch.tensor(known, device=mel.device), self._ids("", text))
        full = self.complete([whole], options, noise, on_step, voice)[:, : len(whole.mel)]
        return Features(full.transpose(1, 2), torch.tensor([full.shape[1]]), self.spec)

    def complete(
        self,
        gaps: Sequence[Gap],
        options: F5Options,
        noise: Noise,
        on_step: OnStep | None = None,
        voice: Voice | None = None,
    ) -> Tensor:
        """The mels `[B, N, M]` with their gaps filled; row b is right up to its own length."""
        with self.deciding:
            if self.variant == "unknown" and voice is not None:
                self.settle(voice)
        device = self.device
        lengths = [len(gap.mel) for gap in gaps]
        n_frames = bucket_length(max(lengths), device)
        mels = torch.zeros(len(gaps), n_frames, self.spec.n_mels, device=device)
        known = torch.zeros(len(gaps), n_frames, 1, dtype=torch.bool, device=device)
        for row, gap in enumerate(gaps):
            mels[row, : len(gap.mel)] = gap.mel
            known[row, : len(gap.mel), 0] = gap.known
        drawn = torch.zeros(len(gaps), n_frames, self.spec.n_mels)
        drawn[:, : max(lengths)] = noise.normal(lengths, self.spec.n_mels).transpose(1, 2)
        given = torch.where(known, mels, torch.zeros_like(mels))
        ids = [gap.ids for gap in gaps]
        context = self.backbone.context(given, ids, lengths, guided(options))
        schedule = self._schedule(options, device)
        x = sample(self.backbone, drawn.to(device), context, schedule, options, on_step)
        return torch.where(known, mels, x)

    def mel(self, samples: Tensor) -> Tensor:
        """`[S]` to `[N, M]` on the model's device."""
        device = self.device
        extractor = FeatureExtractor(self.spec)
        return extractor(samples.cpu()[None])[0].t().contiguous().to(device)

    def settle(self, voice: Voice) -> None:
        """Choose between v0 and v1 by which explains the voice's recording better."""
        from vivavoce.models.f5.probe import probe

        samples, _ = reference(voice)
        ids = self._ids(voice.transcript, "")
        self.variant = probe(self.backbone, self.mel(samples), ids)

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        self.eval().requires_grad_(False)
        self.backbone.freeze(arithmetic or Arithmetic())
        return portable(self)

    def on_mlx(self, dtype: torch.dtype = torch.float32, int8: bool = False) -> Self:
        from vivavoce.models.f5.mlx import engine
        from vivavoce.runtime.mlx import MlxFormat

        self.eval().requires_grad_(False)
        self.backbone.engine = engine(self.backbone, MlxFormat(dtype, int8))
        return self

    def _continuation(self, prompt: F5Prompt, sentence: Sentence[F5Options]) -> Gap:
        """The reference's mel, and room behind it for the sentence."""
        mel, voice, options = prompt.mel, sentence.voice, sentence.options
        text = sentence.tokens.text
        ids = self._ids(voice.transcript, text)
        reference_frames = prompt.n_samples // self.spec.hop_length
        n_frames = chunking.n_frames(voice.transcript, reference_frames, text, options.speed)
        if options.duration_s:
            n_frames = len(mel) + round(options.duration_s * self.spec.frame_rate)
        n_frames = max(n_frames, len(ids) + 1, len(mel) + 1)
        room = mel.new_zeros(n_frames - len(mel), mel.shape[1])
        known = torch.arange(n_frames, device=mel.device) < len(mel)
        return Gap(torch.cat([mel, room]), known, ids)

    def _ids(self, transcript: str, text: str) -> Tensor:
        ids = f5_text.joined_ids(self.vocabulary, transcript, text, self.text.kind)
        return torch.tensor(ids, dtype=torch.long, device=self.device)

    def _schedule(self, options: F5Options, device: torch.device) -> list[Tensor]:
        with self.deciding:
            return self._schedule_once(options, device)

    def _schedule_once(self, options: F5Options, device: torch.device) -> list[Tensor]:
        times = evaluations(options)
        key = tuple(times.tolist())
        if key in self.kept:
            return self.kept[key]
        if self.kept:
            raise ConfigError(
                "low_memory has freed the weights for other schedules.",
                "Load the model again to change steps, method or sway.",
            )
        schedule = self.backbone.schedule(times.to(device))
        if options.low_memory:
            self.kept[key] = schedule
            self.backbone.forget_schedule_weights()
        return schedule
