"""Passages of a store -> the samples of an audiobook: silences, chapters' places, loudness.

Reads the store whenever samples are needed, so that memory does not grow with the book.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import Meter, from_db
from vivavoce.book.limiter import limited
from vivavoce.book.outputs import Track
from vivavoce.book.passages import Passage, Store
from vivavoce.book.types import Chapter
from vivavoce.errors import OutputError

HEAD_S, TAIL_S = 0.75, 1.5
"""Silence before and after each chapter."""

PEAK_LIMIT_DB = -3.0
"""Of true peaks: what audiobook shops ask for."""
CODING_DB = 0.7
"""What AAC at 64 kb/s added to the peaks of an hour of limited speech; the limiter stays below."""
LIMITER_DB = PEAK_LIMIT_DB - CODING_DB
MARGIN_DB = 1.0
"""True peaks are so much above the largest sample, or less."""


@dataclass(frozen=True)
class Level:
    """A gain in dB, and a ceiling for peaks where one is needed."""

    gain_db: float
    ceiling_db: float | None

    def applied(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        louder = samples * np.float32(from_db(self.gain_db))
        return louder if self.ceiling_db is None else limited(louder, rate, self.ceiling_db)[0]


AS_SPOKEN = Level(0.0, None)


@dataclass(frozen=True)
class Part:
    """A chapter, its number in the book from 1, and its passages."""

    number: int
    chapter: Chapter
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class Assembly:
    """Parts whose passages are all in the store, at `rate` Hz."""

    store: Store
    rate: int
    parts: tuple[Part, ...]

    def measured(self) -> tuple[list[Track], Meter]:
        """Where the chapters lie, counted in samples, and how loud all of it is."""
        meter = Meter(self.rate)
        tracks: list[Track] = []
        begin = 0
        for part in self.parts:
            end = begin
            for samples in self.samples(part, AS_SPOKEN):
                meter.add(samples)
                end += len(samples)
            place = begin / self.rate, end / self.rate
            tracks.append(Track(part.number, part.chapter.title, *place))
            begin = end
        return tracks, meter

    def level(self, spoken: Meter, target_lufs: float | None) -> tuple[Level, float]:
        """What brings the book to the loudness, and the loudness that it then has, in LUFS.

        `spoken` has measured all of it. Limiting peaks takes a little away, so what is limited is
        measured again.
        """
        if target_lufs is None or not np.isfinite(spoken.lufs):
            return AS_SPOKEN, spoken.lufs
        gain_db = target_lufs - spoken.lufs
        if spoken.peak_db + gain_db <= LIMITER_DB - MARGIN_DB:
            return Level(gain_db, None), target_lufs
        missing_db = target_lufs - self._lufs(Level(gain_db, LIMITER_DB))
        level = Level(gain_db + missing_db, LIMITER_DB)
        return level, self._lufs(level)

    def samples(self, part: Part, level: Level) -> Iterator[NDArray[np.float32]]:
        """Those of a chapter, passage by passage, with the silence around it."""
        yield np.zeros(round(HEAD_S * self.rate), np.float32)
        for passage in part.passages:
            spoken = self.store.get(passage, self.rate)
            if spoken is None:
                raise OutputError(
                    f"{self.store.folder} has lost what was spoken.",
                    "Run the same command again.",
                )
            yield level.applied(spoken.samples, self.rate)
        yield np.zeros(round(TAIL_S * self.rate), np.float32)

    def _lufs(self, level: Level) -> float:
        meter = Meter(self.rate)
        for part in self.parts:
            for samples in self.samples(part, level):
                meter.add(samples)
        return meter.lufs
