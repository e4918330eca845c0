"""Utterances, one after the other, as one timeline: pauses between them and joins nobody hears.

Knows samples and pauses, no models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.audio.loudness import from_db
from vivavoce.types import AudioChunk, Word

QUIET_DB = -42.0
FRAME_S = 0.01
OVERLAP_S = 0.15
EDGE_S = 0.005


@dataclass(frozen=True)
class Piece:
    """Samples of an utterance; `pause_s` stands at its last piece, None before.

    The words of `audio` count from the utterance's beginning.
    """

    audio: AudioChunk
    pause_s: float | None = None


def joined(pieces: Iterable[Piece], blend: bool) -> Iterator[AudioChunk]:
    """The pieces with pauses between the utterances and their places in the whole.

    Plain: digital silence follows each utterance. With `blend` the silence that utterances bring
    along counts as pause, and two of them are cross-faded with equal power within it: room tone
    goes on, and no sound of either is lost. What may still be blended is held back.
    """
    timeline = _Timeline(blend)
    for piece in pieces:
        yield from timeline.add(piece)
    yield from timeline.finish()


class _Timeline:
    def __init__(self, blend: bool) -> None:
        self.blend = blend
        self.done = 0  # samples sent
        self.held = np.zeros(0, np.float32)  # quiet end of the last utterance
        self.pause_s = 0.0  # wanted after it
        self.start_s = 0.0  # where the current utterance began
        self.inside = False

    def add(self, piece: Piece) -> Iterator[AudioChunk]:
        audio, samples = piece.audio, piece.audio.samples
        rate = audio.sample_rate
        if not self.inside:
            before = self.done + len(self.held)
            samples = self._after_held(samples, rate)
            self.start_s = (before if self.blend else self.done) / rate
        self.inside = piece.pause_s is None
        words = tuple(_shifted(w, self.start_s) for w in audio.words)
        if piece.pause_s is not None:
            samples = self._ended(samples, rate, piece.pause_s)
        start_s = self.done / rate
        self.done += len(samples)
        if len(samples) or words or audio.warnings:
            yield replace(audio, samples=samples, start_s=start_s, words=words)
        self.last = audio

    def finish(self) -> Iterator[AudioChunk]:
        if len(self.held):
            rate = self.last.sample_rate
            pause = np.zeros(max(0, round(self.pause_s * rate) - len(self.held)), np.float32)
            tail = np.concatenate([_faded(self.held, rate, end=True), pause])
            start_s = self.done / rate
            yield replace(self.last, samples=tail, start_s=start_s, words=(), warnings=())

    def _ended(self, samples: np.ndarray, rate: int, pause_s: float) -> np.ndarray:
        if not self.blend:
            return np.concatenate([samples, np.zeros(round(pause_s * rate), np.float32)])
        quiet = quiet_samples(samples[::-1], rate)
        self.held, self.pause_s = samples[len(samples) - quiet :], pause_s
        return samples[: len(samples) - quiet]

    def _after_held(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """The held end blended into the beginning, the pause between made as long as wanted."""
        if not self.blend or not self.done:
            return samples
        quiet, wanted = quiet_samples(samples, rate), round(self.pause_s * rate)
        brought = len(self.held) + quiet
        overlap = min(len(self.held), quiet, round(OVERLAP_S * rate), max(0, brought - wanted))
        missing = max(0, wanted - brought)
        if overlap:
            return np.concatenate(
                [self.held[: len(self.held) - overlap], _crossed(self.held, samples, overlap)]
            )
        end, begin = _faded(self.held, rate, end=True), _faded(samples, rate, end=False)
        return np.concatenate([end, np.zeros(missing, np.float32), begin])


def quiet_samples(samples: np.ndarray, rate: int) -> int:
    """How many samples at the beginning lie below `QUIET_DB`, in whole frames of 10 ms."""
    size = round(FRAME_S * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    energy = np.mean(np.square(frames, dtype=np.float64), axis=1)
    loud = np.flatnonzero(energy > from_db(QUIET_DB) ** 2)
    return int(loud[0]) * size if len(loud) else len(samples)


def _crossed(before: np.ndarray, after: np.ndarray, n: int) -> np.ndarray:
    """The last `n` of `before` into the first `n` of `after`: squares of the weights add to one."""
    angle = np.linspace(0, np.pi / 2, n, dtype=np.float32)
    middle = before[len(before) - n :] * np.cos(angle) + after[:n] * np.sin(angle)
    return np.concatenate([middle, after[n:]])


def _faded(samples: np.ndarray, rate: int, end: bool) -> np.ndarray:
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
