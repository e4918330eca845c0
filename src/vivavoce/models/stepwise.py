"""Models that speak frame by frame: sentences of any requests are decoded side by side.

A family writes `begin` and `advance`; joining and leaving between steps, parts of features as they
come, and speed are here. Shapes: B rows, M bands, T frames.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from vivavoce.models.base import AcousticModel, Job, OnStep, Part, Sentence, stacked
from vivavoce.nn.noise import Noise
from vivavoce.nn.resampler import LatentResampler
from vivavoce.nn.rows import RowStates, State
from vivavoce.options import Options
from vivavoce.types import Features, FeatureSpec

FIRST_FRAMES, MOST_FRAMES = 32, 256
"""A stream's pieces grow from so many frames to so many."""
STEPS_PER_READ, STEPS_PER_READ_ON_CPU = 8, 1
SPARE_S, TOKEN_S = 3.0, 0.35
"""The longest that a sentence may take, in all and for every token; speech takes 0.1 s a token."""

O = TypeVar("O", bound=Options)  # noqa: E741 - the type of a family's options


@dataclass(eq=False)
class FrameSequence(Generic[O]):
    """A sentence being decoded, and how much of it has been given out as features.

    `start` is its state before the first step. `finish` makes features `[1, M, T]` of the decoded
    frames; a frame of them depends on `halo` frames on either side, or on all (None). `limit` is
    the most steps that it may take.
    """

    sentence: Sentence[O]
    noise: Noise
    start: State
    limit: int
    spec: FeatureSpec
    finish: Callable[[Tensor], Tensor]
    halo: int | None = None
    frames: list[Tensor] = field(default_factory=list)  # [M, r] each
    finished: list[Tensor] = field(default_factory=list)  # before the change of speed
    steps: int = 0
    stopped: bool = False
    n_finished: int = 0
    given_frames: int = 0
    piece: int = FIRST_FRAMES

    @property
    def done(self) -> bool:
        return self.stopped or self.steps >= self.limit

    def problem(self) -> str:
        """What went wrong with a sentence that has ended, or ""."""
        seconds = self.given_frames / self.spec.frame_rate
        return "" if self.stopped else f"Generation found no stop token within {seconds:.1f} s"

    def part(self) -> Features | None:
        """Frames that no later step changes, once enough have come."""
        if self.halo is None:
            return None
        stop = sum(piece.shape[-1] for piece in self.frames) - max(1, self.halo)
        if stop - self.n_finished < self.piece:
            return None
        self.piece = min(2 * self.piece, MOST_FRAMES)
        return self._features(stop)

    def rest(self) -> Features:
        """What has not been given yet of a sentence that has ended."""
        features = self._features(None)
        assert features is not None
        return features

    def _features(self, stop: int | None) -> Features | None:
        """Those up to frame `stop` of the decoded ones, or up to the end."""
        decoded = torch.cat(self.frames, -1)[None]
        end = decoded.shape[-1] if stop is None else stop
        left = max(0, self.n_finished - (self.halo or 0))
        finished = self.finish(decoded[..., left:])
        if self.halo is None:
            end = finished.shape[-1]
        self.finished.append(finished[..., self.n_finished - left : end - left].float())
        self.n_finished = end
        speed = self.sentence.options.speed
        stretch = LatentResampler((1 / speed,) if speed != 1 else ())
        until = stretch.length(end) if stop is None else stretch.settled(end)
        if stop is not None and until <= self.given_frames:
            return None
        values = stretch.frames(torch.cat(self.finished, -1))[..., self.given_frames : until]
        self.given_frames = until
        lengths = torch.tensor([values.shape[-1]])
        return Features(
            values, lengths, self.spec, problems=("" if stop is not None else self.problem(),)
        )


class SideBySide(Generic[O]):
    """Rows that advance together; each joins when it is added and leaves when it is done."""

    def __init__(self, model: StepwiseModel[O]) -> None:
        self.model, self.states = model, RowStates()
        self.rows: list[FrameSequence[O]] = []

    def add(self, growing: FrameSequence[O]) -> None:
        self.rows.append(growing)
        self.states.add(growing.start)
        growing.start = {}

    def remove(self, growing: FrameSequence[O]) -> None:
        self._keep([n for n, row in enumerate(self.rows) if row is not growing])

    def step(self) -> None:
        self.states.tensors = self.model.advance(self.rows, self.states.tensors)
        self._keep([n for n, row in enumerate(self.rows) if not row.done])

    def _keep(self, numbers: list[int]) -> None:
        if len(numbers) < len(self.rows):
            self.rows = [self.rows[n] for n in numbers]
            self.states.keep(numbers)


class StepwiseModel(AcousticModel[O]):
    """Two methods to write beside those of every model: `begin` and `advance`."""

    @abstractmethod
    def begin(self, sentence: Sentence[O], noise: Noise, attempt: int = 0) -> FrameSequence[O]:
        """Encode a sentence. A later attempt must differ from the first in more than its noise
        where the model draws none. Raises TextError, UnknownVoice.
        """

    @abstractmethod
    def advance(self, rows: Sequence[FrameSequence[O]], state: State) -> State:
        """Some steps more of every row, put down in the rows; gives the state behind them."""

    @torch.inference_mode()
    def generate(
        self, sentences: Sequence[Sentence[O]], noise: Noise, on_step: OnStep | None = None
    ) -> Iterator[Features]:
        """One sentence: `Features` in parts, as they come. Several: all rows, at the end."""
        decoding = SideBySide(self)
        rows = [self.begin(s, noise.alone(row)) for row, s in enumerate(sentences)]
        for row in rows:
            decoding.add(row)
        while decoding.rows:
            decoding.step()
            if on_step is not None:
                on_step(max(row.steps for row in rows), max(row.limit for row in rows))
            part = rows[0].part() if len(rows) == 1 and decoding.rows else None
            if part is not None:
                yield part
        yield stacked([row.rest() for row in rows])

    def batcher(self, rows: int) -> StepBatcher:
        """Continuous batching: sentences join between any two steps."""
        return StepBatcher(self, rows)

    def batch_key(self, sentence: Sentence[O]) -> Hashable:
        """Any sentences can share a batch."""
        return None


def steps_at_once(device: torch.device) -> int:
    """How many steps to start before their results are read: a read waits for the device."""
    return STEPS_PER_READ_ON_CPU if device.type == "cpu" else STEPS_PER_READ


def most_steps(sentence: Sentence[Any], spec: FeatureSpec, frames: int = 1) -> int:
    """How many steps of `frames` a sentence may take; more would be the voice rambling on."""
    seconds = SPARE_S + TOKEN_S * len(sentence.tokens)
    return math.ceil(seconds * spec.frame_rate / frames)


class StepBatcher:
    """A `Batcher` over rows side by side.

    While others run, one waiting job is encoded per step, so that a newcomer delays them little.
    """

    def __init__(self, model: StepwiseModel[Any], rows: int) -> None:
        self.model, self.most, self.decoding = model, rows, SideBySide(model)
        self.waiting: list[Job[Any]] = []
        self.running: dict[Job[Any], FrameSequence[Any]] = {}

    def add(self, job: Job[Any]) -> None:
        self.waiting.append(job)

    def drop(self, job: Job[Any]) -> None:
        self.waiting = [one for one in self.waiting if one is not job]
        growing = self.running.pop(job, None)
        if growing is not None:
            self.decoding.remove(growing)

    def jobs(self) -> Collection[Job[Any]]:
        return {*self.waiting, *self.running}

    @torch.inference_mode()
    def step(self) -> list[Part]:
        idle = not self.running
        while self.waiting and len(self.running) < self.most:
            self._begin(self.waiting.pop(0))
            if not idle:
                break
        if not self.running:
            return []
        try:
            self.decoding.step()
            return [part for job in list(self.running) for part in self._given(job)]
        except BaseException:
            for job in list(self.running):
                self.drop(job)
            raise

    def _begin(self, job: Job[Any]) -> None:
        growing = self.model.begin(job.sentence, Noise(job.seed, [job.row]), job.attempt)
        self.running[job] = growing
        self.decoding.add(growing)

    def _given(self, job: Job[Any]) -> list[Part]:
        growing = self.running[job]
        if job.on_step is not None:
            job.on_step(growing.steps, growing.limit)
        if growing.done:
            del self.running[job]
            return [(job, growing.rest(), True)]
        part = growing.part() if job.parts else None
        return [] if part is None else [(job, part, False)]
