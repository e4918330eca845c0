"""One utterance on its way to samples: features, windows for the vocoder, guards, words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio.features import convert
from vivavoce.errors import GuardError
from vivavoce.models.base import AcousticModel, Job, OnStep, Sentence
from vivavoce.nn.windows import Window
from vivavoce.options import Options
from vivavoce.speech.guards import SampleGuard, check_duration, check_pace, check_reported
from vivavoce.speech.join import Piece
from vivavoce.speech.plan import Utterance
from vivavoce.speech.timing import words
from vivavoce.text.passages import NATURAL, Style
from vivavoce.types import AudioChunk, Features, Voice, Word
from vivavoce.vocoders.base import Vocoder, VocoderStream

ATTEMPTS = 2
RETRY_NOISE_OFFSET = 1 << 20
"""Noise rows of another attempt begin here: no text has as many utterances."""


@dataclass(frozen=True)
class Synthesiser:
    """One model and one vocoder that mean the same by their features.

    They may be on different devices: the features go from one to the other. Those of a pair
    `as_published` may differ as `convert` allows. Every call of either is made within a `turn`.
    """

    model: AcousticModel[Any]
    vocoder: Vocoder
    device: torch.device
    vocoder_device: torch.device
    as_published: bool = False
    turn: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def stretches(self) -> bool:
        """Whether frames are stretched in time, for which all of an utterance must be there."""
        return self.model.spec.sample_rate != self.vocoder.accepts.sample_rate

    def accepted(self, features: Features) -> Tensor:
        """The values as the vocoder means them, on its device."""
        values = features.values.to(self.vocoder_device)
        return convert(values, features.spec, self.vocoder.accepts, self.as_published)


@dataclass(frozen=True)
class Request:
    """How to speak: the voice, the model's options, the seed, what to do about bad results.

    `lenient` keeps a bad second attempt with a warning; `skip` leaves it out with one. `stream`
    hands pieces out before the utterance has been judged whole, where the model can; after that
    nothing is tried again.
    """

    voice: Voice
    options: Options
    seed: int = 0
    lenient: bool = False
    skip: bool = False
    on_step: OnStep | None = None
    stream: bool = False
    style: Style = NATURAL

    def noise_row(self, index: int, attempt: int) -> int:
        return index + attempt * RETRY_NOISE_OFFSET


class Retry(GuardError):
    """The attempt only earned warnings, which another draw may not."""


class WaitingWindows:
    """Windows that wait for the vocoder, of which only the next one has been cut.

    Cutting may read the pitch: of a whole utterance that takes a fifth of the time to its first
    sound.
    """

    def __init__(self) -> None:
        self._sources: deque[Iterator[Window]] = deque()
        self._next: Window | None = None

    def __bool__(self) -> bool:
        return self._next is not None

    def extend(self, source: Iterator[Window]) -> None:
        self._sources.append(source)
        self.cut()

    def take(self) -> Window:
        """The next window; the one behind it is there after `cut`."""
        window, self._next = self._next, None
        assert window is not None  # noqa: S101 - whoever takes has asked
        return window

    def cut(self) -> None:
        while self._next is None and self._sources:
            self._next = next(self._sources[0], None)
            if self._next is None:
                self._sources.popleft()


class Rendering:
    """The state of one utterance in a session. `windows` wait for the vocoder."""

    def __init__(
        self, utterance: Utterance, request: Request, synthesiser: Synthesiser, attempt: int = 0
    ) -> None:
        self.utterance, self.request, self.synthesiser = utterance, request, synthesiser
        self.attempt = attempt
        last = attempt == ATTEMPTS - 1
        self.guard = SampleGuard(utterance.chunk.text, request.lenient and last)
        self.job: Job[Any] | None = None
        self.windows = WaitingWindows()
        self.condition: Tensor | None = None
        self.parts: list[Features] = []
        self.samples: list[np.ndarray] = []  # decoded, not handed out
        self.stream: VocoderStream | None = None
        self.warnings: tuple[str, ...] = ()
        self.complete = False  # all features are there
        self.handed_out = False
        self.ended = False
        self.traits = traits = synthesiser.model.traits
        self.streams = request.stream and traits.stream_frames > 0
        self.emits_parts = self.streams and traits.emits_parts and not synthesiser.stretches

    @property
    def may_retry(self) -> bool:
        return not self.handed_out and self.attempt < ATTEMPTS - 1

    def retried(self) -> Rendering:
        return Rendering(self.utterance, self.request, self.synthesiser, self.attempt + 1)

    def begin(self) -> Job[Any]:
        request, utterance = self.request, self.utterance
        sentence = Sentence(utterance.tokens, request.voice, request.options)
        row = request.noise_row(utterance.index, self.attempt)
        parts, attempt = self.emits_parts, self.attempt
        self.job = Job(sentence, request.seed, row, parts, request.on_step, attempt)
        return self.job

    def take(self, features: Features | None, ended: bool) -> Iterator[Piece]:
        """More features. Raises GuardError when what is known by now is not speech."""
        if features is not None:
            self.parts.append(features)
        self.complete = ended
        if self.emits_parts:
            if features is not None:
                self._cut(features)
        elif ended:
            whole = joined_features(self.parts)
            self.parts = [whole]
            self.warnings = self._checked(whole)
            self._cut(whole)
        if ended and self.stream is not None:
            self.windows.extend(self.stream.finish())
        if ended and not self.windows:  # nothing is left to decode
            yield from self._finished()

    def heard(self, samples: np.ndarray) -> Iterator[Piece]:
        """Samples of the oldest window. Raises GuardError for what is not speech."""
        self.windows.cut()
        if len(samples):
            gains = self.parts[0].gains
            fed = self.guard.feed(samples)
            self.samples.append(fed * np.float32(gains[0]) if gains else fed)
        if self.complete and not self.windows:
            yield from self._finished()
        elif self.streams and self.samples:
            yield from self._streamed()

    def _streamed(self) -> Iterator[Piece]:
        """All samples but the last ones: the last piece is known when none follows."""
        followed = bool(self.windows) or (self.emits_parts and not self.handed_out)
        hold = 0 if followed else 1
        while len(self.samples) > hold:
            yield self._piece(self.samples.pop(0))

    def _finished(self) -> Iterator[Piece]:
        if self.streams:
            while len(self.samples) > 1:
                yield self._piece(self.samples.pop(0))
        samples = np.concatenate(self.samples) if self.samples else np.zeros(0, np.float32)
        if self.emits_parts:
            self.warnings = self._checked(joined_features(self.parts))
        warnings = self.warnings + self.guard.finish()
        if warnings and self.may_retry:
            raise Retry(warnings[0])
        self.ended = True
        audio = replace(
            self._audio(samples), words=self._words(), warnings=self.utterance.warnings + warnings
        )
        yield Piece(audio, self.utterance.chunk.pause_s, self._lead_s())

    def _piece(self, samples: np.ndarray) -> Piece:
        lead_s = self._lead_s()
        self.handed_out = True
        self.guard.lenient = self.request.lenient  # too late for another attempt
        return Piece(self._audio(samples), lead_s=lead_s)

    def _lead_s(self) -> float:
        """The silence before the utterance, for its first piece."""
        return 0.0 if self.handed_out else self.utterance.lead_s

    def _cut(self, features: Features) -> None:
        """Features to windows, as large as the caller's haste allows."""
        synthesiser = self.synthesiser
        vocoder, traits = synthesiser.vocoder, synthesiser.model.traits
        if self.stream is None:
            size = vocoder.window_frames
            if self.streams:
                size = min(size, 2 * vocoder.receptive_field + traits.stream_frames)
            self.stream = VocoderStream(vocoder, size, self.emits_parts)
            if features.condition is not None:
                self.condition = features.condition.to(synthesiser.vocoder_device)
        self.windows.extend(self.stream.push(synthesiser.accepted(features)))

    def _checked(self, features: Features) -> tuple[str, ...]:
        frames, tokens = int(features.lengths[0]), len(self.utterance.tokens)
        frame_s, text = 1 / features.spec.frame_rate, self.utterance.chunk.text
        problem = features.problems[0] if features.problems else ""
        reported = check_reported(problem, text, self.guard.lenient)
        return (
            reported
            or check_duration(frames, tokens, frame_s, text, self.guard.lenient)
            or self._pace_checked(frames * frame_s)
        )

    def _pace_checked(self, seconds: float) -> tuple[str, ...]:
        options = self.request.options
        if not self.traits.paced_by_reference or getattr(options, "duration_s", 0):
            return ()
        text = self.utterance.chunk.text
        return check_pace(text, seconds, options.speed, self.guard.lenient)

    def _words(self) -> tuple[Word, ...]:
        """Where the model knows them: counted from the utterance's first sample."""
        features = self.parts[0]
        if features.durations is None:
            return ()
        frame_s = 1 / features.spec.frame_rate
        vocoder = self.synthesiser.vocoder
        edge_s = vocoder.edge_frames / vocoder.accepts.frame_rate
        timed = words(self.utterance, features.durations[0].tolist(), frame_s)
        return tuple(Word(w.text, w.start_s + edge_s, w.end_s + edge_s) for w in timed)

    def _audio(self, samples: np.ndarray) -> AudioChunk:
        text, rate = self.utterance.chunk, self.synthesiser.vocoder.accepts.sample_rate
        return AudioChunk(samples, rate, 0.0, text.start, text.end)


def joined_features(parts: list[Features]) -> Features:
    """One utterance's features, one behind the other; problems are those of the last part."""
    if len(parts) == 1:
        return parts[0]
    values = torch.cat([part.values for part in parts], dim=-1)
    lengths = torch.tensor([values.shape[-1]])
    return replace(parts[-1], values=values, lengths=lengths)
