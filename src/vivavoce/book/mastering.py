"""How loud an audiobook is, and how it is delivered: gains, ceilings, and what shops ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import from_db
from vivavoce.book.limiter import limited
from vivavoce.errors import UsageError, near_misses

HEAD_S, TAIL_S = 0.75, 1.5
"""Silence before and after each chapter."""

PEAK_LIMIT_DB = -3.0
"""Of true peaks: what audiobook shops ask for."""
CODING_DB = 0.7
"""What AAC at 64 kb/s added to the peaks of an hour of limited speech; the limiter stays below."""
MARGIN_DB = 1.0
"""True peaks are so much above the largest sample, or less."""
LOUDNESS_LUFS = -20.0
MOST_MISSED_DB = 2.5
"""More than so much below the level of a chapter is told."""


@dataclass(frozen=True)
class Level:
    """A gain in dB, and a ceiling for peaks where one is needed.

    `missed_db` is by how much that stays below what was wanted: more would only flatten peaks.
    """

    gain_db: float
    ceiling_db: float | None
    missed_db: float = 0.0

    def applied(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        louder = samples * np.float32(from_db(self.gain_db))
        return louder if self.ceiling_db is None else limited(louder, rate, self.ceiling_db)[0]


AS_SPOKEN = Level(0.0, None)


@dataclass(frozen=True)
class Master:
    """A loudness for the whole book in LUFS, or for every chapter by itself a level in dB RMS.

    `peak_db` bounds true peaks. `format`, `sample_rate` (Hz) and `bit_rate` are of the files.
    """

    loudness_lufs: float | None = LOUDNESS_LUFS
    rms_db: float | None = None
    peak_db: float = PEAK_LIMIT_DB
    format: str | None = None
    sample_rate: int | None = None
    bit_rate: int | None = None

    @property
    def ceiling_db(self) -> float:
        """For the limiter: coding adds to peaks."""
        return self.peak_db - CODING_DB


PRESETS = {
    "acx": Master(None, -20.5, -3.0, "mp3", 44_100, 192_000),
    "audible": Master(-20.0, None, -3.0),
    "podcast": Master(-16.0, None, -1.0),
}
"""`acx`: each file -23 to -18 dB RMS, peaks below -3 dB, MP3 of 192 kb/s at 44.1 kHz."""


def preset(name: str) -> Master:
    """Raises UsageError."""
    if name not in PRESETS:
        raise UsageError(f"There is no preset '{name}'.", near_misses(name, PRESETS))
    return PRESETS[name]
