"""Where a recording is cut into clips: in its pauses, by its own noise floor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.01
FLOOR_PERCENTILE = 10
ABOVE_FLOOR_DB = 12.0
BELOW_SPEECH_DB = (20.0, 45.0)
"""The threshold lies at least and at most this far below the loud frames: in a recording without
pauses the quiet tenth is speech, and in one with digital silence it is nothing."""

BEFORE_S, AFTER_S = 0.1, 0.2
"""What is kept of the silence in front of a clip and behind it."""

SHORT_PAUSE_S = 0.12
"""Where no proper pause is near, a clip may end in one so short."""


@dataclass(frozen=True)
class Floor:
    """Energies (mean squares) of 10 ms: of the background, and what counts as speech."""

    noise: float
    threshold: float
    loud: float


@dataclass(frozen=True)
class SliceConfig:
    """Seconds. Clips are `shortest_s` to `longest_s`, preferably `wanted_s`; pauses of at least
    `pause_s` separate them.
    """

    shortest_s: float
    longest_s: float
    wanted_s: tuple[float, float]
    pause_s: float


def noise_floor(levels: NDArray[np.float64]) -> Floor:
    """From mean squares `[N]` of frames of 10 ms. Digital silence is not counted as background."""
    heard = levels[levels > 0.0]
    if not len(heard):
        return Floor(0.0, 0.0, 0.0)
    loud = float(np.percentile(heard, 95))
    noise = float(np.percentile(heard, FLOOR_PERCENTILE))
    nearest, farthest = (loud * 10 ** (-db / 10) for db in BELOW_SPEECH_DB)
    threshold = float(np.clip(noise * 10 ** (ABOVE_FLOOR_DB / 10), farthest, nearest))
    return Floor(noise, threshold, loud)


def trimmed(
    levels: NDArray[np.float64], floor: Floor, start: int, end: int
) -> tuple[int, int] | None:
    """Frames from `start` to `end` without the silence at both ends; None where all is silent."""
    speech = np.flatnonzero(levels[start:end] >= floor.threshold)
    if not floor.loud or not len(speech):
        return None
    first = start + int(speech[0]) - round(BEFORE_S / FRAME_S)
    last = start + int(speech[-1]) + 1 + round(AFTER_S / FRAME_S)
    return max(start, first), min(end, last)


def slices(levels: NDArray[np.float64], floor: Floor, config: SliceConfig) -> list[tuple[int, int]]:
    """Frames of the clips of a whole recording: first and behind the last, in order.

    A stretch of speech without any pause that is longer than `longest_s` comes out as one slice,
    which is then too long.
    """
    found: list[tuple[int, int]] = []
    for start, end in _stretches(levels, floor, config):
        found += _best_cuts(start, end, _pauses(levels, floor, config, start, end), config)
    cut = [trimmed(levels, floor, start, end) for start, end in found]
    return [span for span in cut if span is not None]


def _stretches(
    levels: NDArray[np.float64], floor: Floor, config: SliceConfig
) -> list[tuple[int, int]]:
    """Speech between silences that are longer than a clip could hold: always cut there."""
    long = round(max(2.0, 2 * config.pause_s) / FRAME_S)
    runs = [r for r in _quiet_runs(levels, floor, 0, len(levels)) if r[1] - r[0] >= long]
    edges = [0, *((a + b) // 2 for a, b in runs), len(levels)]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]


def _pauses(
    levels: NDArray[np.float64], floor: Floor, config: SliceConfig, start: int, end: int
) -> list[tuple[int, int]]:
    """Pauses in a stretch; short ones too where proper ones are further apart than a clip."""
    runs = _quiet_runs(levels, floor, start, end)
    proper = [r for r in runs if r[1] - r[0] >= round(config.pause_s / FRAME_S)]
    short = [r for r in runs if r[1] - r[0] >= round(SHORT_PAUSE_S / FRAME_S)]
    edges = [start, *((a + b) // 2 for a, b in proper), end]
    longest = round(config.longest_s / FRAME_S)
    added = [
        run
        for left, right in itertools.pairwise(edges)
        if right - left > longest
        for run in short
        if left < run[0] and run[1] < right
    ]
    return sorted({*proper, *added})


def _quiet_runs(
    levels: NDArray[np.float64], floor: Floor, start: int, end: int
) -> list[tuple[int, int]]:
    quiet = levels[start:end] < floor.threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    return [(start + a, start + b) for a, b in edges.reshape(-1, 2).tolist()]


def _best_cuts(
    start: int, end: int, pauses: Sequence[tuple[int, int]], config: SliceConfig
) -> list[tuple[int, int]]:
    """The cuts with the least cost of all, by dynamic programming over the pauses."""
    places = [start, *((a + b) // 2 for a, b in pauses), end]
    gains = [0.0, *((b - a) * FRAME_S for a, b in pauses), 0.0]
    best = [0.0] + [np.inf] * (len(places) - 1)
    before = [0] * len(places)
    for here in range(1, len(places)):
        for there in range(here - 1, -1, -1):
            seconds = (places[here] - places[there]) * FRAME_S
            if seconds > config.longest_s and there < here - 1:
                break
            cost = best[there] + _cost(seconds, config) - min(gains[here], 1.0)
            if cost < best[here]:
                best[here], before[here] = cost, there
    cuts, here = [], len(places) - 1
    while here > 0:
        cuts.append((places[before[here]], places[here]))
        here = before[here]
    return cuts[::-1]


def _cost(seconds: float, config: SliceConfig) -> float:
    """1 for each clip, more for one that is shorter or longer than wanted."""
    low, high = config.wanted_s
    if seconds < low:
        return 1.0 + 3.0 * (low - seconds) / low + (10.0 if seconds < config.shortest_s else 0.0)
    over = max(0.0, seconds - high)
    return 1.0 + over + (100.0 if seconds > config.longest_s else 0.0)
