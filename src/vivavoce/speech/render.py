"""Planned utterances to samples: the acoustic model, the vocoder, the guards, a second try.

Knows the stages' contracts, not how utterances follow one another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio.features import convert
from vivavoce.errors import GuardError
from vivavoce.models.base import AcousticModel, OnStep
from vivavoce.nn.noise import Noise
from vivavoce.runtime import synchronise
from vivavoce.speech.guards import SampleGuard, check_duration, check_told
from vivavoce.speech.join import Piece
from vivavoce.speech.plan import Utterance
from vivavoce.speech.timing import words
from vivavoce.types import AudioChunk, Features, Voice, Word
from vivavoce.vocoders.base import Vocoder, decode_windowed, stream_windows

ATTEMPTS = 2
FRESH = 1 << 20  # noise of another attempt: no text has as many utterances


@dataclass
class Stages:
    """Seconds spent per stage, for `bench`."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, stage: str, device: torch.device, work: Callable[[], Any]) -> Any:
        begin, before = time.perf_counter(), sum(self.seconds.values())
        result = work()
        synchronise(device)
        within = sum(self.seconds.values()) - before  # stages that the work called for
        spent = time.perf_counter() - begin - within
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        return result


@dataclass(frozen=True)
class Request:
    """How to speak: the voice, the model's options, the seed, what to do about bad results."""

    voice: Voice
    options: Any
    seed: int = 0
    lenient: bool = False
    on_step: OnStep | None = None
    stages: Stages = field(default_factory=Stages)
    early: bool = False  # hand pieces out before the utterance has been judged whole

    def watched(
        self,
        on_step: OnStep | None,
        stages: Stages | None,
        early: bool = False,
    ) -> Request:
        return replace(self, on_step=on_step, stages=stages or self.stages, early=early)

    def noise(self, indices: Sequence[int], attempt: int) -> Noise:
        return Noise(self.seed, [index + attempt * FRESH for index in indices])


@dataclass(frozen=True)
class Renderer:
    """One model and one vocoder, joined by the features that both mean the same by.

    They may be on different devices: the features go from one to the other.
    """

    model: AcousticModel[Any]
    vocoder: Vocoder
    device: torch.device
    vocoder_device: torch.device

    def utterance(self, utterance: Utterance, request: Request) -> Iterator[Piece]:
        """One utterance's pieces, tried again while nothing of a bad one has been handed out."""
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            pieces = self._attempt(utterance, request, attempt, request.lenient and last)
            try:
                head = next(pieces)
            except GuardError:
                if last:
                    raise
                continue
            whole = head.pause_s is not None
            if whole and head.audio.warnings and not last:
                continue
            yield _with(head, utterance.warnings)
            for piece in pieces:
                yield _with(piece, utterance.warnings)
            return

    @torch.inference_mode()
    def batch(self, utterances: Sequence[Utterance], request: Request) -> Iterator[list[Piece]]:
        """The pieces of each; one that did not come out well is done again on its own."""
        for utterance, pieces in zip(utterances, self._rows(utterances, request), strict=True):
            if pieces is None:
                yield list(self.utterance(utterance, request))
            else:
                yield [_with(piece, utterance.warnings) for piece in pieces]

    @torch.inference_mode()
    def _attempt(
        self, utterance: Utterance, request: Request, attempt: int, lenient: bool
    ) -> Iterator[Piece]:
        guard = SampleGuard(utterance.chunk.text, lenient)
        heard: list[Features] = []  # as many as have gone to the vocoder
        parts = self._generated(utterance, request, attempt, heard)
        lazily = request.early and self.model.traits.emits_parts
        warnings: tuple[str, ...] = ()
        if not lazily:
            whole = _whole(list(parts))
            warnings = self._check(utterance, whole, 0, lenient)
            parts = iter([whole])
        pieces = self._decoded(parts, request)
        waiting: np.ndarray | None = None  # the last piece is known when none follows
        at_once = lazily  # but for the first, where more is sure to follow
        while True:
            piece = request.stages.timed("vocoder", self.vocoder_device, lambda: next(pieces, None))
            if piece is None:
                break
            if waiting is not None:
                yield Piece(self._chunk(utterance, waiting))
                guard.lenient = request.lenient  # too late for another attempt
            waiting = guard.feed(piece[0].float().cpu().numpy()) * heard[0].gain
            if at_once:
                yield Piece(self._chunk(utterance, waiting))
                guard.lenient = request.lenient
                waiting, at_once = None, False
        if lazily:
            warnings = self._check(utterance, _whole(heard), 0, guard.lenient)
        samples = np.zeros(0, np.float32) if waiting is None else waiting
        audio = self._chunk(utterance, samples)
        audio = replace(
            audio, words=self._words(utterance, heard[0], 0), warnings=warnings + guard.finish()
        )
        yield Piece(audio, utterance.chunk.pause_s)

    def _generated(
        self, utterance: Utterance, request: Request, attempt: int, heard: list[Features]
    ) -> Iterator[Features]:
        """What the acoustic model gives for one utterance, kept in `heard` as well."""
        noise = request.noise([utterance.index], attempt)
        found = self.model.generate(
            [utterance.tokens], request.voice, request.options, noise, request.on_step
        )
        while True:
            features = request.stages.timed("acoustic", self.device, lambda: next(found, None))
            if features is None:
                return
            heard.append(features)
            yield features

    def _decoded(self, parts: Iterator[Features], request: Request) -> Iterator[Tensor]:
        """Samples `[1, S]` piece by piece, or at once where the utterance is judged whole."""
        first = next(parts)
        features = (self.accepted(part) for part in chain([first], parts))
        window, new_frames = self.vocoder.window_frames, self.model.traits.stream_frames
        early = request.early and new_frames > 0
        if early:
            window = min(window, 2 * self.vocoder.receptive_field + new_frames)
        eager = early and self.model.traits.emits_parts
        pieces = stream_windows(self.vocoder, features, window, self._condition(first), eager)
        if early:
            yield from pieces
        else:
            yield torch.cat(list(pieces), dim=-1)

    def _condition(self, features: Features) -> Tensor | None:
        """Who speaks, for each row, on the vocoder's device."""
        if features.condition is None:
            return None
        rows = features.condition.expand(len(features.values), -1, -1)
        return rows.to(self.vocoder_device)

    def _rows(
        self, utterances: Sequence[Utterance], request: Request
    ) -> Iterator[list[Piece] | None]:
        tokens = [u.tokens for u in utterances]
        noise = request.noise([u.index for u in utterances], 0)
        (features,) = self.model.generate(tokens, request.voice, request.options, noise)
        lengths = features.lengths.tolist()
        values, condition = self.accepted(features), self._condition(features)
        decoded = decode_windowed(self.vocoder, values, lengths, condition=condition)
        samples = decoded.float().cpu()
        for row, utterance in enumerate(utterances):
            length = min(self.vocoder.n_samples(lengths[row]), samples.shape[1])
            yield self._row(utterance, features, row, samples[row, :length].numpy())

    def _row(
        self, utterance: Utterance, features: Features, row: int, samples: np.ndarray
    ) -> list[Piece] | None:
        guard = SampleGuard(utterance.chunk.text)
        try:
            warnings = self._check(utterance, features, row, lenient=False)
            audio = self._chunk(utterance, guard.feed(samples) * features.gain)
            warnings += guard.finish()
        except GuardError:
            return None
        if warnings:
            return None
        audio = replace(audio, words=self._words(utterance, features, row))
        return [Piece(audio, utterance.chunk.pause_s)]

    def accepted(self, features: Features) -> Tensor:
        """The values as the vocoder means them, on its device."""
        values = features.values.to(self.vocoder_device)
        return convert(values, features.spec, self.vocoder.accepts)

    def _check(
        self, utterance: Utterance, features: Features, row: int, lenient: bool
    ) -> tuple[str, ...]:
        frames, tokens = int(features.lengths[row]), len(utterance.tokens)
        frame_s, text = 1 / features.spec.frame_rate, utterance.chunk.text
        problem = features.problems[row] if features.problems else ""
        told = check_told(problem, text, lenient)
        return told or check_duration(frames, tokens, frame_s, text, lenient)

    def _words(self, utterance: Utterance, features: Features, row: int) -> tuple[Word, ...]:
        """Where the model knows them: counted from the utterance's first sample."""
        if features.durations is None:
            return ()
        frame_s = 1 / features.spec.frame_rate
        edge_s = self.vocoder.edge_frames * frame_s
        timed = words(utterance, features.durations[row].tolist(), frame_s)
        return tuple(Word(w.text, w.start_s + edge_s, w.end_s + edge_s) for w in timed)

    def _chunk(self, utterance: Utterance, samples: np.ndarray) -> AudioChunk:
        text, rate = utterance.chunk, self.vocoder.accepts.sample_rate
        return AudioChunk(samples, rate, 0.0, text.start, text.end)


def _whole(parts: list[Features]) -> Features:
    """One utterance's features, one behind the other; what was told last is what counts."""
    if len(parts) == 1:
        return parts[0]
    values = torch.cat([part.values for part in parts], dim=-1)
    lengths = torch.tensor([values.shape[-1]])
    return replace(parts[-1], values=values, lengths=lengths)


def _with(piece: Piece, warnings: tuple[str, ...]) -> Piece:
    """What was noticed before speaking comes with the last piece."""
    if piece.pause_s is None or not warnings:
        return piece
    audio = piece.audio
    return replace(piece, audio=replace(audio, warnings=warnings + audio.warnings))
