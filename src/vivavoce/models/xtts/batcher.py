"""Sentences of XTTS side by side: continuous batching for a session, features as codes come in.

Shapes: W width, K codes, T frames.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from vivavoce.models.base import Job, Part, Sentence
from vivavoce.models.xtts.config import XttsOptions
from vivavoce.nn.code_lengths import length_problem
from vivavoce.nn.gpt import Gpt
from vivavoce.nn.gpt_decode import CodeSequence, GptDecoder
from vivavoce.nn.noise import Noise
from vivavoce.nn.resampler import LatentResampler
from vivavoce.types import Features, FeatureSpec

PIECE_CODES = 48
"""A stream's pieces grow to so many codes: as long as a window of the vocoder."""


@dataclass
class GrowingSentence:
    """A sentence being decoded, and how much of it has been given out as features."""

    sequence: CodeSequence
    sentence: Sentence[XttsOptions]
    stretch: LatentResampler
    condition: Tensor
    spec: FeatureSpec
    code_rate: float
    given_frames: int = 0
    due_codes: int = 0
    piece_codes: int = 0

    def __post_init__(self) -> None:
        self.due_codes = self.piece_codes = self.sentence.options.first_codes

    def part(self) -> Features | None:
        """Frames that no later code changes, once enough codes have come; at the end the rest."""
        if self.sequence.done:
            return self.rest()
        n_codes = len(self.sequence.codes)
        stop = self.stretch.settled(n_codes)
        if n_codes < self.due_codes or stop <= self.given_frames:
            return None
        self.piece_codes = min(2 * self.piece_codes, PIECE_CODES)
        self.due_codes = n_codes + self.piece_codes
        return self._frames(stop, "")

    def rest(self) -> Features:
        """What has not been given yet of a sentence that has ended."""
        return self._frames(self.stretch.length(len(self.sequence.codes)), self._problem())

    def _frames(self, stop: int, problem: str) -> Features:
        frames = self.stretch.frames(self.sequence.latents())[..., self.given_frames : stop].float()
        self.given_frames = stop
        lengths = torch.tensor([frames.shape[-1]])
        condition, problems = self.condition, (problem,)
        return Features(frames, lengths, self.spec, condition=condition, problems=problems)

    def _problem(self) -> str:
        sequence, sentence = self.sequence, self.sentence
        asked = sentence.options.max_codes > 0
        n_codes, n_tokens = len(sequence.codes), len(sentence.tokens)
        return length_problem(n_codes, n_tokens, self.code_rate, sequence.stopped, asked)


class StartsSequences(Protocol):
    """What the batcher needs of the model."""

    gpt: Gpt

    def check(self, sentence: Sentence[XttsOptions]) -> object:
        """Raises TextError or VoiceError for a sentence that cannot be spoken."""

    def limit(self, sentence: Sentence[XttsOptions]) -> int:
        """The most codes that the sentence may become."""
        ...

    def start_sequences(
        self, decoding: GptDecoder, starts: Sequence[tuple[Sentence[XttsOptions], Tensor]]
    ) -> list[GrowingSentence]:
        """Prefill sentences and draw their first codes; each has `[K]` numbers, one per code."""
        ...


class XttsBatcher:
    """A `Batcher` over one `GptDecoder`: every step gives each running job one code more.

    While others run, one waiting job is prefilled per step, so that a newcomer delays them little.
    """

    def __init__(self, model: StartsSequences, rows: int) -> None:
        self.model, self.decoding = model, GptDecoder(model.gpt, rows)
        self.waiting: list[Job[Any]] = []
        self.running: dict[Job[Any], GrowingSentence] = {}

    def add(self, job: Job[Any]) -> None:
        self.model.check(job.sentence)
        self.waiting.append(job)

    def drop(self, job: Job[Any]) -> None:
        self.waiting = [one for one in self.waiting if one is not job]
        growing = self.running.pop(job, None)
        if growing is not None:
            self.decoding.remove(growing.sequence)

    def jobs(self) -> Collection[Job[Any]]:
        return {*self.waiting, *self.running}

    @torch.inference_mode()
    def step(self) -> list[Part]:
        if self.running:
            try:
                self.decoding.step()
            except BaseException:
                for job in list(self.running):
                    self.drop(job)
                raise
        room = self.decoding.rows - len(self.decoding.sequences)
        self._begin([self.waiting.pop(0) for _ in self.waiting[: self._newcomers(room)]])
        return [part for job in list(self.running) for part in self._given(job)]

    def _newcomers(self, room: int) -> int:
        """How many waiting jobs may begin now."""
        return min(room, 1) if self.running else room

    def _begin(self, jobs: Sequence[Job[Any]]) -> None:
        starts = [
            (job.sentence, Noise(job.seed, [job.row]).uniform(0, self.model.limit(job.sentence)))
            for job in jobs
        ]
        growing = self.model.start_sequences(self.decoding, starts)
        self.running |= zip(jobs, growing, strict=True)

    def _given(self, job: Job[Any]) -> list[Part]:
        growing = self.running[job]
        if job.on_step is not None:
            try:
                job.on_step(len(growing.sequence.codes), len(growing.sequence.uniform))
            except BaseException:
                self.drop(job)
                raise
        if growing.sequence.done:
            del self.running[job]
            return [(job, growing.rest(), True)]
        part = growing.part() if job.parts else None
        return [] if part is None else [(job, part, False)]
