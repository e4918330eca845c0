"""Utterances, one after the other, as one timeline: pauses between them and joins nobody hears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.audio.edit import frame_energies
from vivavoce.audio.loudness import from_db
from vivavoce.types import AudioChunk, Word

QUIET_DB = -22.0  # beside the utterance's own level: quiet voices have their pauses lower
NOTHING_DB = -58.0  # of full scale: below it there is nothing to lose
FRAME_S = 0.01
OVERLAP_S = 0.15
EDGE_S = 0.005


@dataclass(frozen=True)
class Piece:
    """Samples of an utterance; `pause_s` stands at its last piece, None before.

    `lead_s` stands at the first piece: silence before the utterance, beside the pause of the one
    before. The words of `audio` count from the utterance's beginning.
    """

    audio: AudioChunk
    pause_s: float | None = None
    lead_s: float = 0.0


def joined(pieces: Iterable[Piece], blend: bool) -> Iterator[AudioChunk]:
    """The pieces with pauses between the utterances and their places in the whole.

    Plain: digital silence follows each utterance. With `blend` the silence that utterances bring
    along counts as pause, which is at least as long as wanted, and two of them are cross-faded
    with equal power within it: room tone goes on, and no sound of either is lost. What may still
    be blended is held back.
    """
    timeline = Timeline(blend)
    for piece in pieces:
        yield from timeline.add(piece)
    yield from timeline.finish()


class Timeline:
    """`joined` for pieces that come by themselves: `add` each, `finish` after the last."""

    def __init__(self, blend: bool) -> None:
        self.blend = blend
        self.done = 0  # samples sent
        self.held = np.zeros(0, np.float32)  # quiet end of the last utterance
        self.pause_s = 0.0  # wanted after it
        self.start_s = 0.0  # where the current utterance began
        self.inside = False
        self.last: AudioChunk | None = None

    def add(self, piece: Piece) -> Iterator[AudioChunk]:
        audio, samples = piece.audio, piece.audio.samples
        rate = audio.sample_rate
        if not self.inside:
            samples, offset = self._begun(samples, rate, piece.lead_s)
            self.start_s = (self.done + offset) / rate
        self.inside = piece.pause_s is None
        words = tuple(_shifted(w, self.start_s) for w in audio.words)
        if piece.pause_s is not None:
            samples = self._ended(samples, rate, piece.pause_s)
        start_s = self.done / rate
        self.done += len(samples)
        if len(samples) or words or audio.warnings:
            yield replace(audio, samples=samples, start_s=start_s, words=words)
        self.last = audio

    def _begun(self, samples: np.ndarray, rate: int, lead_s: float) -> tuple[np.ndarray, int]:
        """The beginning of an utterance after what was held and the silence it leads with."""
        if self.blend and self.last is not None:
            self.pause_s += lead_s
            return self._after_held(samples, rate)
        lead = np.zeros(round(lead_s * rate), np.float32)
        return np.concatenate([lead, samples]), len(lead)

    def finish(self) -> Iterator[AudioChunk]:
        if self.last is None:
            return
        rate = self.last.sample_rate
        pause = np.zeros(max(0, round(self.pause_s * rate) - len(self.held)), np.float32)
        tail = np.concatenate([faded(self.held, rate, end=True), pause])
        if len(tail):
            start_s = self.done / rate
            yield replace(self.last, samples=tail, start_s=start_s, words=(), warnings=())

    def _ended(self, samples: np.ndarray, rate: int, pause_s: float) -> np.ndarray:
        if not self.blend:
            return np.concatenate([samples, np.zeros(round(pause_s * rate), np.float32)])
        quiet = quiet_samples(samples[::-1], rate)
        self.held, self.pause_s = samples[len(samples) - quiet :], pause_s
        return samples[: len(samples) - quiet]

    def _after_held(self, samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
        """The held end blended into the beginning, and where in that the beginning is."""
        quiet, wanted = quiet_samples(samples, rate), round(self.pause_s * rate)
        brought = len(self.held) + quiet
        overlap = min(len(self.held), quiet, round(OVERLAP_S * rate), max(0, brought - wanted))
        missing = max(0, wanted - brought)
        begins = len(self.held) - overlap + missing
        if overlap:
            crossed = _crossed(self.held, samples, overlap)
            return np.concatenate([self.held[:begins], crossed]), begins
        end, begin = faded(self.held, rate, end=True), faded(samples, rate, end=False)
        return np.concatenate([end, np.zeros(missing, np.float32), begin]), begins


def quiet_samples(samples: np.ndarray, rate: int) -> int:
    """How many samples at the beginning are a pause, in frames of 10 ms and a rest.

    What counts as quiet follows the level of all of `samples`, a whole utterance.
    """
    size = round(FRAME_S * rate)
    energies = frame_energies(samples, size)
    level = np.mean(np.square(samples, dtype=np.float64)) if len(samples) else 0.0
    limit = max(level * from_db(QUIET_DB) ** 2, from_db(NOTHING_DB) ** 2)
    loud = np.flatnonzero(energies > limit)
    return int(loud[0]) * size if len(loud) else len(samples)


def _crossed(before: np.ndarray, after: np.ndarray, n: int) -> np.ndarray:
    """The last `n` of `before` into the first `n` of `after`: squares of the weights add to one."""
    angle = np.linspace(0, np.pi / 2, n, dtype=np.float32)
    middle = before[len(before) - n :] * np.cos(angle) + after[:n] * np.sin(angle)
    return np.concatenate([middle, after[n:]])


def faded(samples: np.ndarray, rate: int, end: bool) -> np.ndarray:
    """A few milliseconds from or to zero, so that digital silence begins without a click."""
    n = min(round(EDGE_S * rate), len(samples))
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    faded = samples.copy()
    if end:
        faded[len(faded) - n :] *= ramp[::-1]
    else:
        faded[:n] *= ramp
    return faded


def _shifted(word: Word, seconds: float) -> Word:
    return Word(word.text, word.start_s + seconds, word.end_s + seconds)
