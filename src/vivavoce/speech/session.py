"""Utterances of any requests, spoken in one batch: the centre of `speak`, `batch` and a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch

from vivavoce.errors import GuardError, VivavoceError
from vivavoce.models.base import Job, Part
from vivavoce.runtime import synchronise
from vivavoce.runtime.memory import utterance_ended
from vivavoce.speech.join import Piece
from vivavoce.speech.plan import Utterance
from vivavoce.speech.rendering import Rendering, Request, Synthesiser
from vivavoce.types import AudioChunk, Features

T = TypeVar("T")
Handle = int
Choose = Callable[[Sequence[Handle]], Sequence[Handle]]
Event = tuple[Handle, Piece | VivavoceError]
"""What `Session.step` returns: a piece of an utterance, or the error that ended it."""


@dataclass
class Stages:
    """Seconds spent per stage, for `bench`."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, stage: str, device: torch.device, work: Callable[[], T]) -> T:
        begin = time.perf_counter()
        result = work()
        synchronise(device)
        spent = time.perf_counter() - begin
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        return result


class Session:
    """Speaks utterances as they are added; each result equals that of the utterance alone.

    At most `rows` utterances share a step of the acoustic model; more need more memory and have
    more throughput. Voices, options, seeds and speeds may differ. An utterance that fails the
    checks is generated again with other noise if none of it was emitted. Not thread-safe.
    """

    def __init__(
        self, synthesiser: Synthesiser, rows: int = 1, stages: Stages | None = None
    ) -> None:
        self.synthesiser, self.stages = synthesiser, stages
        self.batcher = synthesiser.model.batcher(rows)
        self.renderings: dict[Handle, Rendering] = {}
        self.handles: dict[Job[Any], Handle] = {}
        self.count = 0

    def add(self, utterance: Utterance, request: Request) -> Handle:
        """Queue an utterance. Raises TextError, VoiceError for one that cannot be spoken."""
        self.count += 1
        self._start(self.count, Rendering(utterance, request, self.synthesiser))
        return self.count

    def drop(self, handle: Handle) -> None:
        """End an utterance; its row is free in the next step. Unknown handles are ignored."""
        rendering = self.renderings.pop(handle, None)
        if rendering is not None and rendering.job is not None:
            self.handles.pop(rendering.job, None)
            self.batcher.drop(rendering.job)

    @property
    def idle(self) -> bool:
        """Whether every utterance has ended."""
        return not self.renderings

    @torch.inference_mode()
    def step(self, choose: Choose | None = None) -> list[Event]:
        """One step of the acoustic model, and at most one vocoder window per utterance.

        `choose` selects the utterances whose next window is decoded now (default: all); the
        others keep it. Errors of one utterance are events. What an `on_step` raises passes through
        and ends the utterances of that step.
        """
        with self.synthesiser.turn():
            return self._step(choose)

    def _step(self, choose: Choose | None) -> list[Event]:
        events: list[Event] = []
        if self.handles:
            for job, features, ended in self._generated(events):
                self._take(job, features, ended, events)
        due = [handle for handle, rendering in self.renderings.items() if rendering.windows]
        for handle in choose(due) if choose is not None and due else due:
            rendering = self.renderings[handle]
            self._attempt(handle, lambda r=rendering: self._decoded(r), events)
        return events

    def run(self, utterance: Utterance, request: Request) -> Iterator[Piece]:
        """The pieces of one utterance. Raises what ended it; closing the iterator drops it."""
        handle = self.add(utterance, request)
        try:
            while handle in self.renderings:
                for _, result in self.step():
                    if isinstance(result, VivavoceError):
                        raise result
                    yield result
        finally:
            self.drop(handle)

    def _left_out(self, utterance: Utterance, error: GuardError) -> Piece:
        """The end of an utterance that is skipped: a warning, and no more samples."""
        chunk, rate = utterance.chunk, self.synthesiser.vocoder.accepts.sample_rate
        warnings = (*utterance.warnings, f"left out '{chunk.text[:60]}': {error.message}")
        samples = np.zeros(0, np.float32)
        audio = AudioChunk(samples, rate, 0.0, chunk.start, chunk.end, warnings=warnings)
        return Piece(audio, chunk.pause_s)

    def _start(self, handle: Handle, rendering: Rendering) -> None:
        job = rendering.begin()
        self.batcher.add(job)
        self.renderings[handle] = rendering
        self.handles[job] = handle

    def _generated(self, events: list[Event]) -> list[Part]:
        """A step of the batcher; an error in it is an event of every job it concerned."""
        try:
            return self._timed("acoustic", self.synthesiser.device, self.batcher.step)
        except VivavoceError as error:
            for handle in self._lost():
                events.append((handle, error))
                self.drop(handle)
            return []
        except BaseException:
            for handle in self._lost():
                self.drop(handle)
            raise

    def _timed(self, stage: str, device: torch.device, work: Callable[[], T]) -> T:
        """The work; a device is waited for only where somebody asked for times."""
        return work() if self.stages is None else self.stages.timed(stage, device, work)

    def _lost(self) -> list[Handle]:
        """Utterances whose jobs the batcher has let go of without an end."""
        held = self.batcher.jobs()
        return [handle for job, handle in self.handles.items() if job not in held]

    def _take(
        self, job: Job[Any], features: Features | None, ended: bool, events: list[Event]
    ) -> None:
        handle = self.handles.get(job)
        if handle is None:
            return
        rendering = self.renderings[handle]
        if ended:
            del self.handles[job]
        self._attempt(handle, lambda: rendering.take(features, ended), events)

    def _decoded(self, rendering: Rendering) -> Iterator[Piece]:
        window = rendering.windows.take()
        samples = self._timed(
            "vocoder",
            self.synthesiser.vocoder_device,
            lambda: self.synthesiser.vocoder.decode_window(window, rendering.condition),
        )
        return rendering.heard(samples[0].float().cpu().numpy())

    def _attempt(
        self, handle: Handle, work: Callable[[], Iterator[Piece]], events: list[Event]
    ) -> None:
        """Collect the pieces of some work; after a failure begin again, or report it."""
        rendering = self.renderings[handle]
        try:
            events.extend((handle, piece) for piece in work())
        except GuardError as error:
            self.drop(handle)
            if rendering.may_retry:
                self._start(handle, rendering.retried())
            elif rendering.request.skip:
                events.append((handle, self._left_out(rendering.utterance, error)))
            else:
                events.append((handle, error))
            return
        if rendering.ended:
            self.renderings.pop(handle, None)
            utterance_ended()
