"""The engine: one model and one vocoder on their devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vivavoce.audio.features import AS_PUBLISHED, USUAL
from vivavoce.config import from_dict
from vivavoce.errors import ConfigError, UsageError, VivavoceError, VoiceError, near_misses
from vivavoce.models.base import AcousticModel, InfillModel, OnStep, Transcriber
from vivavoce.runtime import Selection
from vivavoce.runtime.turns import APPLE_GPU, turn
from vivavoce.speech import edits
from vivavoce.speech.cast import Cast, Role, plan_cast
from vivavoce.speech.join import Piece, joined
from vivavoce.speech.plan import Utterance, planning, transcript_warning
from vivavoce.speech.rendering import Request
from vivavoce.speech.result import Speech
from vivavoce.speech.session import Session, Stages, Synthesiser
from vivavoce.speech.voices import Recording, choose, heard
from vivavoce.text.passages import NATURAL, Style
from vivavoce.types import Audio, AudioChunk, Tokens, Voice
from vivavoce.vocoders.base import Vocoder

if TYPE_CHECKING:
    from vivavoce.speech.keeping import Keeping

ON_PROBLEM = ("error", "warn", "skip")


class TTS:
    """A model and its vocoder, from `vivavoce.load`. Several threads may share one object.

    `selection` is the model's device and the reason for it; `vocoder_selection` the vocoder's.
    `as_published`: their features may differ in the ways that `audio.features.convert` handles.
    """

    def __init__(
        self,
        name: str,
        model: AcousticModel[Any],
        vocoder: Vocoder,
        selection: Selection,
        defaults: dict[str, Any],
        vocoder_selection: Selection | None = None,
        as_published: bool = False,
    ) -> None:
        self.name, self.model, self.vocoder, self.selection = name, model, vocoder, selection
        self.vocoder_selection = vocoder_selection or selection
        self.defaults = defaults
        where = selection.device, self.vocoder_selection.device
        for place in (selection, self.vocoder_selection):
            APPLE_GPU.claim(place)
        self.turn = partial(turn, selection, self.vocoder_selection)
        self.synthesiser = Synthesiser(model, vocoder, *where, as_published, self.turn)
        model.spec.require(vocoder.accepts, ignore=AS_PUBLISHED if as_published else USUAL)

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz."""
        return self.vocoder.accepts.sample_rate

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the model's own speakers."""
        return self.model.speaker_names

    @property
    def clones(self) -> bool:
        """Whether the model speaks with voices made from recordings."""
        return self.model.traits.clones

    @property
    def times_words(self) -> bool:
        """Whether the model produces word timings (`Speech.words`)."""
        return self.model.traits.times_words

    def voice(
        self,
        recording: Recording | Sequence[Recording],
        transcript: str = "",
        *,
        name: str = "voice",
        language: str = "en",
        licence: str = "",
        transcriber: Transcriber | None = None,
    ) -> Voice:
        """A voice from a few seconds of speech and their transcript, ready for `speak`.

        Some models take several recordings of one person and need no transcript. If they need one
        and none is given, `transcriber` (audio, language -> words) is called.
        Raises AudioError, VoiceError (also if the model cannot clone).
        """
        if not self.clones:
            raise VoiceError(
                f"'{self.name}' has its own speakers and cannot clone voices.",
                "`vivavoce models list` shows models; f5-v1 is one that clones.",
            )
        audio = heard(recording)
        with self.turn():
            return self.model.make_voice(audio, transcript, name, language, licence, transcriber)

    def speak(
        self,
        text: str,
        voice: str | Voice | Cast | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        on_problem: str = "error",
        on_step: OnStep | None = None,
        stages: Stages | None = None,
        style: Style | None = None,
        **options: object,
    ) -> Speech:
        """The whole text as one piece of audio. The arguments are those of `stream`.

        Raises TextError, UnknownVoice, ConfigError (unknown option) and
        GuardError (the result is not speech).
        """
        pieces = self.stream(
            text,
            voice,
            speed=speed,
            seed=seed,
            on_problem=on_problem,
            on_step=on_step,
            stages=stages,
            early=False,
            style=style,
            keeping=None,
            **options,
        )
        return self._collected(list(pieces), seed)

    def stream(
        self,
        text: str,
        voice: str | Voice | Cast | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        on_problem: str = "error",
        on_step: OnStep | None = None,
        stages: Stages | None = None,
        early: bool = True,
        style: Style | None = None,
        keeping: Keeping | None = None,
        **options: object,
    ) -> Iterator[AudioChunk]:
        """The same samples as `speak`, piece by piece, as soon as they are generated.

        `voice` may be a mapping of names to voices: each speaks the text after its `[name]` tag,
        "main" the text without a tag.
        `speed` 1.0 is natural, larger is faster; the same `seed` gives the same samples.
        Utterances are spoken one after the other, so memory does not grow with the text. An
        utterance that fails the quality checks is generated once more with other noise. If it
        fails again, `on_problem` decides: "error" raises GuardError, "warn" keeps it with a
        warning, "skip" leaves it out with a warning.
        `on_step(done, all)` is called after each step of a model that works in steps; an exception
        in it ends the generation. With `early`, models that support it return the first pieces of
        an utterance before the rest is generated; such an utterance is not generated again.
        `style` sets the silence after sentences and paragraphs, and how marks and markup are read.
        `keeping` stores finished utterances, and returns those of an earlier run.
        """

        def request(role: Role) -> Request:
            made = self._request(role.voice, speed * role.speed, seed, on_problem, options)
            return replace(made, on_step=on_step, stream=early, style=style or NATURAL)

        session = self.session(stages=stages)
        spoken = partial(keeping.pieces, session) if keeping else session.run
        planned = plan_cast(text, voice, request, self.plan)
        pieces = (piece for utterance, how in planned for piece in spoken(utterance, how))
        yield from joined(pieces, self.blends)

    def batch(
        self,
        texts: Sequence[str],
        voice: str | Voice | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        on_problem: str = "error",
        batch_size: int = 8,
        style: Style | None = None,
        **options: object,
    ) -> list[Speech]:
        """Many texts in batches, in order. Each result equals that of `speak` (to 1e-4)."""
        request = self._request(voice, speed, seed, on_problem, options)
        request = replace(request, style=style or NATURAL)
        work = [
            (number, utterance)
            for number, text in enumerate(texts)
            for utterance in self.plan(text, request)
        ]
        work.sort(key=lambda item: len(item[1].tokens))  # rows of a batch are padded to one length
        session = self.session(min(batch_size, len(work)))
        done: list[dict[int, list[Piece]]] = [{} for _ in texts]
        pieces = {}
        for number, utterance in work:
            pieces[session.add(utterance, request)] = done[number][utterance.index] = []
        while not session.idle:
            for handle, result in session.step():
                if isinstance(result, VivavoceError):
                    raise result
                pieces[handle].append(result)
        return [self._joined(utterances, seed) for utterances in done]

    def session(self, rows: int = 1, stages: Stages | None = None) -> Session:
        """Continuous batching: utterances of several requests, up to `rows` per model step."""
        return Session(self.synthesiser, rows, stages)

    def request(
        self,
        voice: str | Voice | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        on_problem: str = "error",
        stream: bool = False,
        **options: object,
    ) -> Request:
        """The request that `Session.add` takes with an utterance. Raises as `speak`."""
        made = self._request(voice, speed, seed, on_problem, options)
        return replace(made, stream=stream)

    def plan(self, text: str, request: Request) -> Iterable[Utterance]:
        """The utterances of a text, lazily. Raises TextError when nothing can be spoken."""
        return (each for each in self.planning(text, request) if each is not None)

    def planning(self, text: str, request: Request) -> Iterator[Utterance | None]:
        """`plan` in short steps; yields None while a long text has no utterance yet."""
        voice, options = request.voice, request.options
        return planning(
            text,
            lambda whole: self.model.chunks(whole, voice, options),
            lambda chunk: self.model.tokenise(chunk, voice, options),
            request.style,
            transcript_warning(self.model.unread(voice, options), voice.transcript),
        )

    def edit(
        self,
        recording: str | Path | Audio,
        replacements: Sequence[tuple[Any, ...]],
        target: str,
        *,
        language: str = "en",
        speed: float = 1.0,
        seed: int = 0,
        on_problem: str = "error",
        on_step: OnStep | None = None,
        **options: object,
    ) -> Speech:
        """The recording with words replaced.

        A replacement is `(start_s, end_s, words)`, or `(start_s, end_s, words, seconds)` to set
        its new length. `target` is the full text of the edited recording, new words included.
        Outside the replaced spans the recording's samples are kept, at the model's rate.

        Raises AudioError, VoiceError (the model cannot edit), UsageError (times, words, more than
        30 s), TextError, GuardError.
        """
        if not isinstance(self.model, InfillModel):
            raise VoiceError(
                f"'{self.name}' cannot edit recordings.",
                "`vivavoce models list` shows models; f5-v1 is one that can.",
            )
        audio = edits.read(recording, self.model.spec.sample_rate)
        found = edits.check([edits.Replacement(*r) for r in replacements], target, audio)
        voice, gain = edits.as_voice(audio, target, self.model.family, language)
        request = self._request(voice, speed, seed, on_problem, options)
        request = replace(request, on_step=on_step)

        def tokens(text: str) -> Tokens:
            return self.model.tokenise(text, voice, request.options)

        pace, spec = request.options.speed, self.model.spec
        pieces = edits.plan(found, audio, spec, lambda t: tokens(t).text, target, pace)
        with self.turn():
            return edits.perform(self.synthesiser, audio, tokens(target), pieces, request, gain)

    @property
    def blends(self) -> bool:
        """Whether utterances are cross-faded. Models that emit parts of an utterance are not:
        a stream would then differ from the result of `speak`.
        """
        return self.clones and not self.model.traits.emits_parts

    def _request(
        self,
        voice: str | Voice | Callable[[], Voice] | None,
        speed: float,
        seed: int,
        on_problem: str,
        options: dict[str, Any],
    ) -> Request:
        if on_problem not in ON_PROBLEM:
            raise UsageError(f"on_problem is '{on_problem}'.", near_misses(on_problem, ON_PROBLEM))
        table = self.defaults | options
        table["speed"] = speed * self.defaults.get("speed", 1.0)
        known = [field.name for field in fields(self.model.options_type)]
        for name in options:
            if name not in known:
                advice = near_misses(name, known) or f"Known: {', '.join(known)}."
                raise ConfigError(f"'{self.name}' has no option '{name}'.", advice)
        chosen = from_dict(self.model.options_type, table)
        lenient, skip = on_problem == "warn", on_problem == "skip"
        return Request(self._voice(voice), chosen, seed, lenient, skip)

    def _voice(self, voice: str | Voice | Callable[[], Voice] | None) -> Voice:
        if callable(voice):
            voice = voice()
        if isinstance(voice, str):
            voice = choose(voice, self.voices, self.clones)
        if not isinstance(voice, Voice):
            return self.model.voice(voice)
        if voice.family != self.model.family:
            raise VoiceError(
                f"Voice '{voice.name}' was made for {voice.family} models; '{self.name}' is of "
                f"the family {self.model.family}.",
                "Make it again from its recording: `vivavoce voices add --model`.",
            )
        return voice

    def _joined(self, utterances: dict[int, list[Piece]], seed: int) -> Speech:
        pieces = [piece for index in sorted(utterances) for piece in utterances[index]]
        return self._collected(list(joined(pieces, self.blends)), seed)

    def _collected(self, chunks: list[AudioChunk], seed: int) -> Speech:
        return Speech(
            np.concatenate([c.samples for c in chunks]),
            self.sample_rate,
            tuple(w for c in chunks for w in c.words),
            tuple(w for c in chunks for w in c.warnings),
            seed,
        )
