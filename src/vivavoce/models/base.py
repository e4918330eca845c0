"""The contract of an acoustic model: text and a voice in, features out.

`models/README.md` shows a complete model of sixty lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from vivavoce.config import from_dict
from vivavoce.errors import UnknownVoice, VoiceError, near_misses
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic
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
    exact. `emits_parts`: `generate` yields one text's features in several parts. `int8`: linear
    layers may hold weights of one byte. `stream_frames`: new frames per streamed piece (0: an
    utterance is judged whole before any of it is handed out). `fast_options` are the quick
    settings of `--fast`.
    """

    clones: bool = False
    times_words: bool = False
    emits_parts: bool = False
    int8: bool = False
    stream_frames: int = 0
    fast_options: Mapping[str, Any] = field(default_factory=dict)


class AcousticModel(nn.Module, ABC, Generic[O]):
    """Four methods to write (`chunks`, `tokenise`, `generate`, `device`); the rest has defaults.

    `options_type` is a frozen dataclass with at least `speed`. `config_type` and `text_type` are
    the dataclasses of the manifest's tables `config` and `text`, for `build`.
    """

    family: ClassVar[str]
    options_type: ClassVar[type[Any]]
    config_type: ClassVar[type[Any]]
    text_type: ClassVar[type[Any]]
    traits: ClassVar[Traits] = Traits()
    spec: FeatureSpec
    speaker_names: tuple[str, ...] = ()

    @abstractmethod
    def chunks(self, text: str, voice: Voice, options: O) -> Iterator[Chunk]:
        """`text` cut into utterances that the model can speak at once."""

    @abstractmethod
    def tokenise(self, text: str, voice: Voice, options: O) -> Tokens:
        """One chunk as ids. Raises TextError when nothing of it can be spoken."""

    @abstractmethod
    def generate(
        self,
        tokens: Sequence[Tokens],
        voice: Voice,
        options: O,
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """`Features` with a row per entry of `tokens`: once, or for one entry in parts.

        Row `i` draws from `noise` row `i`, and does not depend on the other rows.
        """

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the weights are."""

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
        """What a voice holds for the model's own speaker number `index`."""
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
            f"Models of the family '{self.family}' clone no voices.",
            "`vivavoce models list` shows models; f5-v1 is one that clones.",
        )

    @staticmethod
    def describe_voice(voice: Voice) -> dict[str, Any]:
        """Facts about a voice of this family, for people."""
        return {}

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        """Evaluation mode; work on the weights done once, products as `arithmetic` says."""
        return self.eval().requires_grad_(False)


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
