"""VITS, whole but for its decoder: symbols -> prior -> durations -> flow -> latents.

The HiFi-GAN that makes samples of the latents is a vocoder of its own, stored beside the model, so
that an utterance can be decoded in windows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from vivavoce.config import from_dict
from vivavoce.errors import TextError
from vivavoce.models.base import AcousticModel, OnStep, Sentence, Traits, Transcriber
from vivavoce.models.speaker import SpeakerListener, network
from vivavoce.models.vits import recording, speakers
from vivavoce.models.vits import text as vits_text
from vivavoce.models.vits.config import VitsConfig, VitsOptions
from vivavoce.models.vits.durations import DeterministicDurations, StochasticDurations
from vivavoce.models.vits.encoder import TextEncoder
from vivavoce.models.vits.prior import Lengths, expanded, lengths_of
from vivavoce.nn.latent_flow import Flow, Posterior
from vivavoce.nn.noise import Noise
from vivavoce.nn.padding import length_mask, pad_tokens
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.types import Audio, Chunk, Features, FeatureSpec, Tokens, Voice

FIRST_FRAMES = 48
"""The flow gives so many frames first, so that the vocoder can begin: half a second."""


@dataclass(frozen=True)
class Prior:
    """What the text side of a batch comes to: latents of the prior `[B, C, T]` and lengths."""

    latents: Tensor
    lengths: Lengths
    condition: Tensor | None


class VitsTTS(AcousticModel[VitsOptions]):
    """Kim et al. 2021, arXiv:2106.06103, with the options of Coqui, YourTTS, MMS and Piper."""

    family = "vits"
    options_type = VitsOptions
    config_type = VitsConfig
    text_type = vits_text.TextConfig
    traits = Traits(times_words=True, emits_parts=True, stream_frames=192)

    def __init__(
        self,
        config: VitsConfig,
        spec: FeatureSpec,
        text: vits_text.TextConfig | None = None,
        speaker_names: tuple[str, ...] = (),
        languages: tuple[str, ...] = (),
        default_speaker: int = 0,
    ) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.text_rules = vits_text.TextRules(text or vits_text.TextConfig())
        self.speaker_names = speaker_names or speakers.numbered(config.n_speakers)
        self.languages, self.default_speaker = languages, default_speaker
        self.text = TextEncoder(config)
        self.durations = (
            StochasticDurations(config)
            if config.stochastic_durations
            else DeterministicDurations(config)
        )
        self.flow = Flow(config)
        self.posterior = Posterior(config) if config.posterior else None
        self.speakers = (
            nn.Embedding(config.n_speakers, config.speaker_width) if config.n_speakers else None
        )
        self.language_table = (
            nn.Embedding(config.n_languages, config.language_width) if config.n_languages else None
        )
        self.speaker_encoder: SpeakerListener | None = None
        if config.listener:
            self.speaker_encoder = network(config.listener)
            self.traits = replace(self.traits, clones=True)

    @property
    def device(self) -> torch.device:
        return self.text.embedding.weight.device

    @classmethod
    def build(cls, manifest: Mapping[str, Any]) -> Self:
        """From a model's tables; `languages` and `default_speaker` besides the usual ones."""
        config = from_dict(VitsConfig, manifest["config"], "config")
        return cls(
            config,
            from_dict(FeatureSpec, manifest["features"], "features"),
            from_dict(vits_text.TextConfig, manifest.get("text", {}), "text"),
            tuple(manifest.get("speakers", ())),
            tuple(manifest.get("languages", ())) if config.n_languages else (),
            int(manifest.get("default_speaker", 0)),
        )

    def voice(self, name: str | None = None) -> Voice:
        """One of the model's speakers, by name or number, or several mixed. Raises UnknownVoice."""
        return speakers.voice(self, name)

    def make_voice(
        self,
        audio: Audio | Sequence[Audio],
        transcript: str = "",
        name: str = "voice",
        language: str = "en",
        licence: str = "",
        transcriber: Transcriber | None = None,
    ) -> Voice:
        """The voice heard in recordings, without their words. Raises as `recording.make_voice`."""
        return recording.make_voice(self, audio, name, language, licence, transcript)

    @staticmethod
    def describe_voice(voice: Voice) -> dict[str, Any]:
        """`heard_s` where it was recorded."""
        seconds = voice.tensors.get("heard_s")
        return {} if seconds is None else {"heard_s": round(float(seconds), 2)}

    @classmethod
    def clones_with(cls, manifest: Mapping[str, Any]) -> bool:
        """Where there is a speaker encoder; nobody knows before the model is here."""
        config = manifest.get("config", {"speaker_encoder": "perhaps"})
        return bool(config.get("speaker_encoder") or config.get("speaker_lstm"))

    @property
    def reads_phonemes(self) -> bool:
        return self.text_rules.config.kind == "piper"

    def chunks(self, text: str, voice: Voice, options: VitsOptions) -> Iterator[Chunk]:
        if self.languages:
            self.language(voice, options)  # or every chunk of it would seem to be unspeakable
        return self.text_rules.chunks(text)

    def tokenise(
        self, text: str, voice: Voice | None = None, options: VitsOptions | None = None
    ) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken, MissingExtra without espeak-ng."""
        language = self.language(voice, options) if self.languages else ""
        return self.text_rules.encode(text, language)

    def batch_key(self, sentence: Sentence[VitsOptions]) -> Hashable:
        """Any sentences share a batch: voices, speeds and languages are the rows' own."""
        return None

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        """Evaluation mode, the flow's filters made once; `arithmetic` changes nothing here."""
        super().freeze(arithmetic)
        self.flow.freeze()
        return self

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[VitsOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One sentence: its first frames, then the rest. Several: `Features` with a row for each.

        Row `i` draws from `noise` row `i`, symbol by symbol and then frame by frame, so that a
        row's result does not depend on its neighbours. Raises TextError for a sentence without
        tokens.
        """
        prior = self.prior(sentences, noise)
        frames = prior.lengths.frames
        if len(sentences) > 1:
            mask = length_mask(frames, prior.latents.shape[2]).to(prior.latents.device)
            latents = self.flow.reverse(prior.latents * mask, mask, prior.condition)
            yield self._features(latents, prior, frames)
            return
        for latents in self._pieces(prior):
            yield self._features(latents, prior, torch.tensor([latents.shape[2]]))

    def prior(self, sentences: Sequence[Sentence[VitsOptions]], noise: Noise) -> Prior:
        """Everything before the flow. Raises TextError for a sentence without tokens."""
        tokens = [sentence.tokens for sentence in sentences]
        if any(len(t) == 0 for t in tokens):
            raise TextError("There is nothing to speak.", "Give at least one word.")
        for ids in (t.ids for t in tokens):
            if not 0 <= min(ids) <= max(ids) < self.config.n_tokens:
                raise TextError(
                    f"A symbol has the number {min(ids) if min(ids) < 0 else max(ids)}; this model "
                    f"has {self.config.n_tokens}.",
                    "Use the symbols that this model's `tokenise` returns.",
                )
        device, options = self.device, [sentence.options for sentence in sentences]
        ids, mask = pad_tokens(tokens, device)
        condition = speakers.condition(self, [s.voice for s in sentences], device)
        language = self._language_vectors(sentences, device)
        hidden, mean, log_scale = self.text(ids, mask, language)
        drawn = None
        if isinstance(self.durations, StochasticDurations):
            drawn = noise.normal([len(t) for t in tokens], 2)
            drawn = (drawn * _column([o.duration_noise for o in options])).to(device)
        log_durations = self.log_durations(hidden, mask, drawn, condition, language)
        speeds = [o.speed for o in options]
        lengths = lengths_of(log_durations, mask, speeds, self.spec.frame_rate)
        latents = expanded(mean, lengths)
        scales = [o.noise_scale for o in options]
        if any(scales):
            strayed = noise.normal(lengths.frames.tolist(), self.config.latent_width)
            strayed = (strayed * _column(scales)).to(device)
            latents = latents + strayed * expanded(log_scale.exp(), lengths)
        return Prior(latents, lengths, condition)

    def log_durations(
        self,
        hidden: Tensor,
        mask: Tensor,
        noise: Tensor | None,
        condition: Tensor | None = None,
        language: Tensor | None = None,
    ) -> Tensor:
        """`[B, 1, L]`; `noise` `[B, 2, L]`, scaled already, is for stochastic durations."""
        if isinstance(self.durations, StochasticDurations):
            assert noise is not None
            return self.durations(hidden, mask, noise, condition, language)
        return self.durations.predict(hidden, mask, condition, language)

    def language(self, voice: Voice | None, options: VitsOptions | None) -> str:
        """The model's name of the language that is asked for. Raises TextError."""
        wanted = (options.language if options else "") or (voice.language if voice else "")
        wanted = wanted or self.languages[0]
        low = wanted.lower()
        alike = [n for n in self.languages if n.lower() == low]
        alike = alike or [n for n in self.languages if n.lower().split("-")[0] == low.split("-")[0]]
        if not alike:
            raise TextError(
                f"This model does not speak '{wanted}'.", f"It speaks {', '.join(self.languages)}."
            )
        return alike[0]

    def _pieces(self, prior: Prior) -> Iterator[Tensor]:
        """The latents of one row: a piece that is soon there, then all others."""
        z, context = prior.latents, self.flow.context
        if z.shape[2] <= FIRST_FRAMES + 2 * context:
            yield self.flow.reverse(z, None, prior.condition)
            return
        first = self.flow.reverse(z[..., : FIRST_FRAMES + context], None, prior.condition)
        yield first[..., :FIRST_FRAMES]
        before = min(context, FIRST_FRAMES)
        rest = self.flow.reverse(z[..., FIRST_FRAMES - before :], None, prior.condition)
        yield rest[..., before:]

    def _features(self, latents: Tensor, prior: Prior, lengths: Tensor) -> Features:
        return Features(
            latents.float(),
            lengths,
            self.spec,
            prior.lengths.durations,
            condition=prior.condition,
            problems=prior.lengths.problems,
        )

    def _language_vectors(
        self, sentences: Sequence[Sentence[VitsOptions]], device: torch.device
    ) -> Tensor | None:
        """`[B, E, 1]`."""
        if self.language_table is None:
            return None
        rows = [self.languages.index(self.language(s.voice, s.options)) for s in sentences]
        return self.language_table(torch.tensor(rows, device=device)).unsqueeze(2)


def _column(values: Sequence[float]) -> Tensor:
    """One number per row, `[B, 1, 1]`."""
    return torch.tensor(values, dtype=torch.float32)[:, None, None]
