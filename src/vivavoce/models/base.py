"""The contract of an acoustic model: text and a voice in, features out.

`models/README.md` shows a complete model of sixty lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from vivavoce.config import from_dict
from vivavoce.errors import (
    TextError,
    UnknownVoice,
    UnsupportedDevice,
    VivavoceError,
    VoiceError,
    near_misses,
)
from vivavoce.nn.convolution import ShortConv
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic, portable
from vivavoce.types import Audio, Chunk, Features, FeatureSpec, Tokens, Voice

OnStep = Callable[[int, int], None]
"""Called with the steps done and their number; an exception it raises ends the work."""

Transcriber = Callable[[Audio, str], str]
"""A recording and its language to the words said in it."""

O = TypeVar("O")  # noqa: E741 - the type of a family's options


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a family can do beyond the minimum; everything is off by default.

    `clones`: speaks with voices made from recordings. `times_words`: `Features.durations` are
    exact. `emits_parts`: `generate` yields one text's features in several parts.
    `large_products`: linear layers may run in a lower precision; its loss of accuracy was
    measured. `int8`: their weights may be int8. `stream_frames`: new frames per
    streamed piece (0: an utterance is checked as a whole before any of it is emitted).
    `paced_by_reference`: an utterance's length follows the speaking rate of the reference, so a
    wrong transcript makes it wrong. `fast_options` are the settings of `--fast`.
    """

    clones: bool = False
    times_words: bool = False
    emits_parts: bool = False
    large_products: bool = False
    int8: bool = False
    stream_frames: int = 0
    paced_by_reference: bool = False
    fast_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sentence(Generic[O]):
    """One row of a batch: what to say, in which voice, with which options."""

    tokens: Tokens
    voice: Voice
    options: O


def sentences(tokens: Iterable[Tokens], voice: Voice, options: O) -> list[Sentence[O]]:
    """One sentence per entry of `tokens`, all in one voice and with the same options."""
    return [Sentence(entry, voice, options) for entry in tokens]


def require_tokens(sentence: Sentence[Any], most: int) -> None:
    """Raises TextError for a sentence without tokens or with too many."""
    if not 0 < len(sentence.tokens) <= most:
        raise TextError(
            f"The utterance has {len(sentence.tokens)} tokens; it must have 1 to {most}.",
            "Give at least one word; `speak` cuts long texts by itself.",
        )


def stacked(rows: Sequence[Features]) -> Features:
    """Features of one row each as one batch."""
    if len(rows) == 1:
        return rows[0]
    values = [row.values[0].t() for row in rows]
    return Features(
        nn.utils.rnn.pad_sequence(values, batch_first=True).transpose(1, 2),
        torch.cat([row.lengths for row in rows]),
        rows[0].spec,
        problems=tuple(problem for row in rows for problem in row.problems),
    )


@dataclass(frozen=True, eq=False)
class Job(Generic[O]):
    """One sentence to generate for one request; compared by identity.

    The noise of the row is seeded by `(seed, row)`. `parts` asks for features as soon as they are
    generated, if the family can. `on_step` is called after each step. `attempt` is the number of
    failed attempts: a deterministic model must then generate differently, or it fails again.
    """

    sentence: Sentence[O]
    seed: int = 0
    row: int = 0
    parts: bool = False
    on_step: OnStep | None = None
    attempt: int = 0


Part = tuple[Job[Any], Features | None, bool]
"""A job, more of its features (one row) if there are any, and whether it has ended."""


class Batcher(Protocol):
    """Jobs generated in one batch: each joins when it is added and leaves when it ends.

    The result of a job does not depend on the others. Used by one thread at a time.
    """

    def add(self, job: Job[Any]) -> None:
        """Raises TextError or VoiceError for a sentence that cannot be generated."""

    def drop(self, job: Job[Any]) -> None:
        """Forget a job; nothing happens if it has ended."""

    def jobs(self) -> Collection[Job[Any]]:
        """The jobs that were added and have neither ended nor been dropped."""
        ...

    def step(self) -> list[Part]:
        """One generation step for all jobs. An exception ends the jobs it concerns."""
        ...


class AcousticModel(nn.Module, ABC, Generic[O]):
    """Four methods are abstract (`chunks`, `tokenise`, `generate`, `device`); others have defaults.

    `options_type` is a frozen dataclass with at least `speed`. `config_type` and `text_type` are
    the dataclasses of the manifest's tables `config` and `text`, for `build`.
    """

    family: ClassVar[str]
    options_type: ClassVar[type[Any]]
    config_type: ClassVar[type[Any]]
    text_type: ClassVar[type[Any]]
    traits: Traits = Traits()
    spec: FeatureSpec
    speaker_names: tuple[str, ...] = ()

    @abstractmethod
    def chunks(self, text: str, voice: Voice, options: O) -> Iterator[Chunk]:
        """`text` cut into utterances that the model can speak at once."""

    @abstractmethod
    def tokenise(self, text: str, voice: Voice, options: O) -> Tokens:
        """The ids of one chunk. Raises TextError if nothing of it can be spoken."""

    @abstractmethod
    def generate(
        self,
        sentences: Sequence[Sentence[O]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """`Features` with a row per sentence: once, or for a single sentence in parts.

        Row `i` uses `noise` row `i` and does not depend on the other rows. The sentences
        have equal `batch_key`s.
        """

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the weights are."""

    def batch_key(self, sentence: Sentence[O]) -> Hashable:
        """Sentences with equal keys can share a `generate`. By default: same voice and options."""
        return id(sentence.voice), sentence.options

    def batcher(self, rows: int) -> Batcher:
        """A batcher with at most `rows` jobs in one `generate`."""
        return StaticBatcher(self, rows)

    @classmethod
    def build(cls, manifest: Mapping[str, Any]) -> Self:
        """From the tables `config`, `features`, `text` and `speakers` of a stored manifest.

        Raises ConfigError for an unknown key or a value out of range.
        """
        return cls(
            from_dict(cls.config_type, manifest["config"], "config"),
            from_dict(FeatureSpec, manifest["features"], "features"),
            from_dict(cls.text_type, manifest.get("text", {}), "text"),
            tuple(manifest.get("speakers", ())),
        )

    def voice(self, name: str | None = None) -> Voice:
        """One of the model's own speakers, by default the first. Raises UnknownVoice."""
        names = self.speaker_names or (() if self.traits.clones else ("default",))
        if not names:
            raise UnknownVoice(
                f"This model has no speaker '{name}'." if name else "This model needs a voice.",
                "Make one: `vivavoce voices add NAME ref.wav -m MODEL`, then --voice NAME; or give "
                "--ref ref.wav with the text.",
            )
        name = name or names[0]
        if name not in names:
            advice = near_misses(name, names) or "`vivavoce voices list` shows them."
            raise UnknownVoice(f"The model has no speaker '{name}'.", advice)
        return Voice(name, self.family, self.speaker_tensors(names.index(name)))

    def speaker_tensors(self, index: int) -> dict[str, Tensor]:
        """The voice tensors of the model's own speaker number `index`."""
        return {"speaker": torch.tensor([index])}

    def make_voice(
        self,
        audio: Audio | Sequence[Audio],
        transcript: str = "",
        name: str = "voice",
        language: str = "en",
        licence: str = "",
        transcriber: Transcriber | None = None,
    ) -> Voice:
        """A voice from recordings of one person. Raises VoiceError, AudioError."""
        raise VoiceError(
            f"Models of the family '{self.family}' cannot clone voices.",
            "`vivavoce models list` shows models; f5-v1 is one that clones.",
        )

    def unread(self, voice: Voice, options: O) -> tuple[str, ...]:
        """Characters of the voice's transcript that the model has no token for, each once.

        Empty if the model reads no transcript.
        """
        return ()

    @classmethod
    def clones_with(cls, manifest: Mapping[str, Any]) -> bool:
        """Whether a model with this manifest (empty: not downloaded) clones from recordings."""
        return cls.traits.clones

    @property
    def row_bytes(self) -> int:
        """Bytes of memory per row of a batch during generation; 0 if negligible."""
        return 0

    @property
    def reads_phonemes(self) -> bool:
        """Whether the model reads `[[…]]` in a text as IPA phonemes."""
        return False

    @staticmethod
    def describe_voice(voice: Voice) -> dict[str, Any]:
        """Facts about a voice of this family, for display."""
        return {}

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        """Evaluation mode; weights are preprocessed once, products computed as in `arithmetic`."""
        for layer in self.eval().requires_grad_(False).modules():
            if isinstance(layer, ShortConv):
                layer.freeze()
        return portable(self)

    def on_mlx(self, dtype: torch.dtype = torch.float32, int8: bool = False) -> Self:
        """In place of `freeze`: MLX computes the large products, torch on the CPU the rest.

        Raises UnsupportedDevice for a family that has no such engine.
        """
        self.require_mlx()
        return self

    @classmethod
    def require_mlx(cls) -> None:
        """Raises UnsupportedDevice for a family without an `on_mlx` of its own."""
        if cls.on_mlx is AcousticModel.on_mlx:
            raise UnsupportedDevice(
                f"Models of the family '{cls.family}' do not support MLX.",
                "Use device 'mps' or 'cpu'.",
            )


A = TypeVar("A", bound=AcousticModel[Any])


def placed(model: A, where: torch.device | str, arithmetic: Arithmetic | None = None) -> A:
    """A model ready for inference on a device, or with MLX for "mlx"."""
    if where == "mlx":
        return model.on_mlx(arithmetic.dtype if arithmetic else torch.float32)
    return model.to(where).freeze(arithmetic)


class StaticBatcher:
    """Jobs in order of arrival, those with equal keys together, one `generate` at a time."""

    def __init__(self, model: AcousticModel[Any], rows: int) -> None:
        self.model, self.rows = model, rows
        self.waiting: list[Job[Any]] = []
        self.alone: list[Job[Any]] = []  # of a batch that failed: each is tried by itself
        self.running: tuple[Job[Any], Iterator[Features]] | None = None

    def jobs(self) -> Collection[Job[Any]]:
        running = [self.running[0]] if self.running else []
        return {*self.waiting, *self.alone, *running}

    def add(self, job: Job[Any]) -> None:
        self.waiting.append(job)

    def drop(self, job: Job[Any]) -> None:
        self.waiting = [one for one in self.waiting if one is not job]
        self.alone = [one for one in self.alone if one is not job]
        if self.running and self.running[0] is job:
            self.running = None

    def step(self) -> list[Part]:
        if self.running is not None:
            return self._continued(*self.running)
        jobs = self._next_jobs()
        if not jobs:
            return []
        noise = Noise.of((job.seed, job.row) for job in jobs)
        features = self.model.generate([j.sentence for j in jobs], noise, _on_step(jobs))
        if len(jobs) == 1:
            return self._continued(jobs[0], features)
        try:
            (rows,) = features
        except VivavoceError:
            self.alone += jobs  # one of them is to blame, and the others shall not suffer
            return []
        return [(job, rows.row(index), True) for index, job in enumerate(jobs)]

    def _next_jobs(self) -> list[Job[Any]]:
        if self.alone:
            return [self.alone.pop(0)]
        if not self.waiting:
            return []
        first, *others = self.waiting
        key = self.model.batch_key(first.sentence)
        same = [job for job in others if self.model.batch_key(job.sentence) == key]
        jobs = [first, *same[: self.rows - 1]]
        self.waiting = [job for job in self.waiting if job not in jobs]
        return jobs

    def _continued(self, job: Job[Any], features: Iterator[Features]) -> list[Part]:
        """One part more of a single job."""
        self.running = None
        part = next(features, None)
        ended = part is None or not self.model.traits.emits_parts
        if not ended:
            self.running = job, features
        return [(job, part, ended)]


def _on_step(jobs: Sequence[Job[Any]]) -> OnStep | None:
    watchers = [job.on_step for job in jobs if job.on_step]
    if not watchers:
        return None

    def tell(done: int, total: int) -> None:
        for watcher in watchers:
            watcher(done, total)

    return tell


@runtime_checkable
class InfillModel(Protocol):
    """A model that can replace part of a recording."""

    def edit(
        self,
        samples: Tensor,
        keep: Sequence[tuple[int, int]],
        gaps: Sequence[int],
        text: str,
        options: Any,
        noise: Noise,
        voice: Voice | None = None,
        on_step: OnStep | None = None,
    ) -> Features:
        """Samples `[S]` with `gaps[i]` new frames after the `i`-th span of kept frames."""
        ...
