"""The values that flow through the toolkit, stage by stage. This module does not compute them.

Shape letters used across the package: B batch, L text tokens, T frames, S samples, C channels,
M mels, D model width, H heads. `[B, C, T]` for convolutions, `[B, T, D]` for attention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from vivavoce.errors import IncompatibleFeatures, VoiceError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


OnProgress = Callable[[int, int | None, str], None]
"""Called with how much is done, of how much (None if that is unknown), and a note."""


def no_progress(done: int, total: int | None, note: str) -> None:
    """The OnProgress that ignores every call."""


@dataclass(frozen=True)
class Audio:
    """Mono audio: `samples` is `[S]` float32 in [-1, 1], `sample_rate` in Hz."""

    samples: np.ndarray
    sample_rate: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Chunk:
    """A bounded piece of the source text: `text == source[start:end]`.

    `pause_s` is the silence that belongs after it (sentence, clause or paragraph end).
    """

    text: str
    start: int
    end: int
    pause_s: float = 0.0


@dataclass(frozen=True)
class Spoken:
    """Normalised text and where each of its characters came from.

    `origin[i]` is the offset in the source of the character or expression that produced `text[i]`;
    `len(origin) == len(text)`.
    """

    text: str
    origin: tuple[int, ...]


@dataclass(frozen=True)
class Tokens:
    """What an acoustic model reads.

    `ids` are vocabulary indices. `word_index[i]` is the number of the word (counted from 0 over
    `words`) that token `i` belongs to, or -1 for silence, blanks and punctuation.
    `word_starts[n]` is the offset of word `n` in the source text.
    `unknown` lists characters the vocabulary does not have, which are not spoken. `text` is the
    normalised text that the ids were made from.
    """

    ids: tuple[int, ...]
    word_index: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    word_starts: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()
    text: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def speakable(self) -> bool:
        """Whether any token belongs to a word."""
        return any(index >= 0 for index in self.word_index)


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """How Coqui's AudioProcessor maps decibels onto the network's range, and back.

    `stats` (mean and standard deviation per band) replaces the min-max mapping when given.
    """

    min_level_db: float = -100.0
    ref_level_db: float = 20.0
    gain: float = 20.0
    max_norm: float = 4.0
    symmetric: bool = True
    clip: bool = True
    signal_norm: bool = True
    stats: tuple[tuple[float, ...], tuple[float, ...]] | None = None


# Far above what anybody uses: a damaged or hostile file must not ask for terabytes.
_LARGEST = {
    "sample_rate": 1_000_000,
    "hop_length": 1 << 20,
    "n_fft": 1 << 20,
    "win_length": 1 << 20,
    "n_mels": 1 << 16,
}


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """Everything that decides what the numbers in a feature tensor mean.

    Frequencies in Hz, lengths in samples. `kind` is `mel`, `linear` (magnitude spectrum) or
    `latent` (learned, no signal definition). `power` is the exponent of the magnitude;
    `magnitude_floor` is added under the square root (`sqrt(re² + im² + floor)`).
    `log` is the logarithm's base, `clamp` its lowest argument (`log_offset` is added instead of
    clamping where a front end does that). `framing`: `center` pads n_fft/2 each side
    (T = S // hop + 1), `same` pads (n_fft - hop)/2 (T = S // hop).
    """

    kind: Literal["mel", "linear", "latent"] = "mel"
    sample_rate: int = 24000
    hop_length: int = 256
    n_fft: int = 1024
    win_length: int = 1024
    n_mels: int = 100
    f_min: float = 0.0
    f_max: float | None = None
    mel_scale: Literal["htk", "slaney"] = "htk"
    mel_norm: Literal["slaney"] | None = None
    window: Literal["hann", "hamming"] = "hann"
    power: float = 1.0
    magnitude_floor: float = 0.0
    log: Literal["ln", "log10"] | None = "ln"
    clamp: float = 1e-5
    log_offset: float = 0.0
    framing: Literal["center", "same"] = "center"
    pad_mode: Literal["reflect", "constant"] = "reflect"
    preemphasis: float = 0.0
    normalisation: Normalisation | None = None

    def __post_init__(self) -> None:
        for name, most in _LARGEST.items():
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most}")

    @property
    def n_channels(self) -> int:
        return self.n_fft // 2 + 1 if self.kind == "linear" else self.n_mels

    @property
    def frame_rate(self) -> float:
        """Frames per second, Hz."""
        return self.sample_rate / self.hop_length

    def differences(self, other: FeatureSpec) -> dict[str, tuple[Any, Any]]:
        """Fields whose values differ. `f_max` None means half the sample rate."""
        mine, theirs = (replace(s, f_max=s.f_max or s.sample_rate / 2) for s in (self, other))
        return {
            f.name: (getattr(mine, f.name), getattr(theirs, f.name))
            for f in fields(self)
            if getattr(mine, f.name) != getattr(theirs, f.name)
        }

    def require(self, other: FeatureSpec, ignore: tuple[str, ...] = ()) -> None:
        """Raises IncompatibleFeatures, naming each differing field, unless both mean the same."""
        found = {k: v for k, v in self.differences(other).items() if k not in ignore}
        if found:
            rows = ", ".join(f"{name}: {a!r} against {b!r}" for name, (a, b) in found.items())
            raise IncompatibleFeatures(
                f"The model's features do not fit the vocoder ({rows}).",
                "Choose a vocoder made for this model; see `vivavoce models show NAME`.",
            )


@dataclass(frozen=True)
class Features:
    """What an acoustic model emits: `values` `[B, C, T]` float32, zero past `lengths` `[B]` frames.

    `durations` `[B, L]` are frames per token, if the model knows them exactly. The decoded
    samples of row `i` must be multiplied by `gains[i]` (empty: 1), to match the loudness of the
    voice's recording. `condition` `[B, D, 1]` is the speaker vector, for vocoders that need one.
    `problems` are the errors that the model noticed itself, one text per row; empty if none.
    """

    values: Tensor
    lengths: Tensor
    spec: FeatureSpec
    durations: Tensor | None = None
    gains: tuple[float, ...] = ()
    condition: Tensor | None = None
    problems: tuple[str, ...] = ()

    def row(self, index: int) -> Features:
        """One row alone, `[1, C, its own length]`."""
        length = int(self.lengths[index])
        here = slice(index, index + 1)
        return Features(
            self.values[here, :, :length],
            self.lengths[here],
            self.spec,
            None if self.durations is None else self.durations[here],
            self.gains[here],
            None if self.condition is None else self.condition[here],
            self.problems[here],
        )


@dataclass(frozen=True)
class Voice:
    """A speaker. Made once, saved as one file, used with the model family that made it.

    `tensors` holds what the family needs (a speaker index, an embedding, a reference mel).
    `warnings` are those about its recording; they are not saved with it.
    """

    name: str
    family: str
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    language: str = "en"
    transcript: str = ""
    licence: str = ""
    warnings: tuple[str, ...] = ()

    def require_family(self, family: str, advice: str) -> None:
        """Raises VoiceError for a voice of another family."""
        if self.family != family:
            raise VoiceError(
                f"The voice '{self.name}' is one of {self.family}; this model needs one of "
                f"{family}.",
                advice,
            )


@dataclass(frozen=True)
class Word:
    """A word of the source text and when it is spoken, in seconds from the start."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class AudioChunk:
    """A streamed piece: `samples` `[S]` float32, beginning `start_s` seconds into the utterance.

    `start`/`end` are offsets of the spoken text in the source. `words`, timed from the
    utterance's beginning, and `warnings` come with the last piece of each chunk of text.
    """

    samples: np.ndarray
    sample_rate: int
    start_s: float
    start: int
    end: int
    words: tuple[Word, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workload:
    """A named piece of a model's work at a stated size, for audit, self-test and benchmarks.

    `build(device, full)` makes the model (toy width, or the official width when `full`) on the
    device with seeded random weights and returns a callable that runs it once. For work in a
    lower precision `exact` builds the same in float32, to measure its error.
    """

    name: str
    description: str
    build: Callable[..., Callable[[], object]]
    exact: Callable[..., Callable[[], object]] | None = None

    @property
    def in_float32(self) -> Workload | None:
        """The same work in float32; None if it is in float32 already."""
        return replace(self, build=self.exact, exact=None) if self.exact else None
