"""Passages of a store -> the samples of an audiobook: silences, chapters' places, loudness.

Reads the store whenever samples are needed, so that memory does not grow with the book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import Meter, to_db
from vivavoce.book.captions import Cue
from vivavoce.book.mastering import AS_SPOKEN, HEAD_S, MARGIN_DB, TAIL_S, Level, Master
from vivavoce.book.outputs import Track
from vivavoce.book.passages import BookPassage
from vivavoce.book.types import Chapter
from vivavoce.errors import OutputError
from vivavoce.runtime.memory import trim
from vivavoce.speech.join import faded, quiet_samples
from vivavoce.speech.store import StoredSpeech

LEAD_S = 0.03
"""Stays before the first sound of a passage: soft consonants are in it."""
TOLERANCE_DB = 0.05
MOST_PASSES = 4


@dataclass(frozen=True)
class SpokenChapter:
    """A chapter, its number in the book from 1, and its passages."""

    number: int
    chapter: Chapter
    passages: tuple[BookPassage, ...]


@dataclass(frozen=True)
class Measured:
    """Where the chapters and the sentences lie, and how loud everything is.

    `meter` has heard all of it; `rms_db` are the chapters' levels, with their peaks in dB.
    """

    tracks: list[Track]
    cues: list[Cue]
    meter: Meter
    rms_db: list[float]
    peaks_db: list[float]


@dataclass(frozen=True)
class Assembly:
    """Parts whose passages `get` has, at `rate` Hz."""

    get: Callable[[BookPassage], StoredSpeech | None]
    rate: int
    parts: tuple[SpokenChapter, ...]

    def measured(self) -> Measured:
        """Counted in samples, and heard as it was spoken."""
        found = Measured([], [], Meter(self.rate), [], [])
        begin = 0
        for part in self.parts:
            end, energy, peak = begin, 0.0, 0.0
            silences = (None, *part.passages, None)
            for passage, samples in zip(silences, self.samples(part, AS_SPOKEN), strict=True):
                found.meter.add(samples)
                if passage is not None:
                    pause = round(passage.pause_s * self.rate)
                    place = end / self.rate, max(end, end + len(samples) - pause) / self.rate
                    found.cues.append(Cue(part.number, passage.text, *place))
                energy += float(np.square(samples, dtype=np.float64).sum())
                peak = max(peak, float(np.abs(samples).max(initial=0.0)))
                end += len(samples)
            place = begin / self.rate, end / self.rate
            found.tracks.append(Track(part.number, part.chapter.title, *place))
            found.rms_db.append(to_db((energy / max(1, end - begin)) ** 0.5))
            found.peaks_db.append(to_db(peak))
            begin = end
        return found

    def levels(self, spoken: Measured, master: Master) -> tuple[list[Level], float]:
        """What brings each part to the level that is wanted, and the loudness of all in LUFS.

        Limiting peaks takes a little away, so what is limited is measured again.
        """
        if master.rms_db is not None:
            rows = zip(self.parts, spoken.rms_db, spoken.peaks_db, strict=True)
            levels = [self._by_rms(part, rms, peak, master) for part, rms, peak in rows]
            return levels, self._lufs(levels)
        level, lufs = self._by_loudness(spoken, master)
        return [level] * len(self.parts), lufs

    def _by_loudness(self, spoken: Measured, master: Master) -> tuple[Level, float]:
        target, lufs = master.loudness_lufs, spoken.meter.lufs
        if target is None or not np.isfinite(lufs):
            return AS_SPOKEN, lufs
        gain_db, ceiling = target - lufs, master.ceiling_db
        if spoken.meter.peak_db + gain_db <= ceiling - MARGIN_DB:
            return Level(gain_db, None), target
        first = Level(gain_db, ceiling)
        missing_db = target - self._lufs([first] * len(self.parts))
        level = Level(gain_db + missing_db, ceiling)
        return level, self._lufs([level] * len(self.parts))

    def _by_rms(self, part: SpokenChapter, rms_db: float, peak_db: float, master: Master) -> Level:
        if master.rms_db is None or not np.isfinite(rms_db):
            return AS_SPOKEN
        gain_db = master.rms_db - rms_db
        if peak_db + gain_db <= master.ceiling_db - MARGIN_DB:
            return Level(gain_db, None)
        level = Level(gain_db, master.ceiling_db)
        for _ in range(MOST_PASSES):
            missed_db = master.rms_db - self._rms_db(part, level)
            level = replace(level, missed_db=missed_db)
            if abs(missed_db) < TOLERANCE_DB:
                break
            level = replace(level, gain_db=level.gain_db + missed_db)
        return level

    def samples(self, part: SpokenChapter, level: Level) -> Iterator[NDArray[np.float32]]:
        """Those of a chapter, passage by passage, with the silence around it."""
        yield np.zeros(round(HEAD_S * self.rate), np.float32)
        for passage in part.passages:
            trim()  # what passages of all lengths have left
            spoken = self.get(passage)
            if spoken is None:
                raise OutputError(
                    f"The stored speech of '{passage.text[:60]}' is missing.",
                    "Run the same command again.",
                )
            yield level.applied(without_lead(spoken.samples, self.rate), self.rate)
        yield np.zeros(round(TAIL_S * self.rate), np.float32)

    def _lufs(self, levels: list[Level]) -> float:
        meter = Meter(self.rate)
        for part, level in zip(self.parts, levels, strict=True):
            for samples in self.samples(part, level):
                meter.add(samples)
        return meter.lufs

    def _rms_db(self, part: SpokenChapter, level: Level) -> float:
        energy, count = 0.0, 0
        for samples in self.samples(part, level):
            energy += float(np.square(samples, dtype=np.float64).sum())
            count += len(samples)
        return to_db((energy / max(1, count)) ** 0.5)


def without_lead(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """A passage that begins with its first sound, so that marks and pauses are where they are said.

    One without a sound stays as it is: it is a pause.
    """
    quiet = quiet_samples(samples, rate)
    begin = quiet - round(LEAD_S * rate)
    if begin <= 0 or quiet == len(samples):
        return samples
    return faded(samples[begin:], rate, end=False)
