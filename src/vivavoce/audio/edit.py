"""Cutting and joining samples: silence, fades, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import from_db
from vivavoce.errors import AudioError
from vivavoce.types import Audio

FRAME_S = 0.01
FRAMES_AT_ONCE = 4096


def trim_silence(audio: Audio, threshold_db: float = -42.0, keep_s: float = 0.0) -> Audio:
    """Without the silence at both ends, but for `keep_s` of it. All silence gives no samples.

    Silent are frames of 10 ms, counted from either end, whose RMS lies below the threshold (dB of
    full scale).
    """
    before, after = _silent_ends(audio, threshold_db)
    kept = round(keep_s * audio.sample_rate)
    n = len(audio.samples)
    if before == n:
        return replace(audio, samples=audio.samples[:0])
    return replace(audio, samples=audio.samples[max(0, before - kept) : n - max(0, after - kept)])


def silent_ends(audio: Audio, threshold_db: float = -42.0) -> tuple[float, float]:
    """Seconds of silence before the first and after the last frame that is not silent."""
    before, after = _silent_ends(audio, threshold_db)
    return before / audio.sample_rate, after / audio.sample_rate


def _silent_ends(audio: Audio, threshold_db: float) -> tuple[int, int]:
    ways = audio.samples, audio.samples[::-1]
    before, after = (_lead(s, audio.sample_rate, threshold_db) for s in ways)
    return before, after


def _lead(samples: NDArray[np.float32], sample_rate: int, threshold_db: float) -> int:
    """How many samples of silence there are before the first frame that is not."""
    per_frame = max(1, round(FRAME_S * sample_rate))
    loud = frame_energies(samples, per_frame) >= from_db(threshold_db) ** 2
    return int(loud.argmax()) * per_frame if loud.any() else len(samples)


def pauses(
    audio: Audio, at_least_s: float, threshold_db: float = -42.0
) -> list[tuple[float, float]]:
    """Where it is silent for so long or longer: start and end of each, seconds, ends included.

    Silent is what `trim_silence` calls silent.
    """
    per_frame = max(1, round(FRAME_S * audio.sample_rate))
    quiet = frame_energies(audio.samples, per_frame) < from_db(threshold_db) ** 2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    runs = np.minimum(edges * per_frame, len(audio.samples)).reshape(-1, 2)
    long = runs[runs[:, 1] - runs[:, 0] >= round(at_least_s * audio.sample_rate)]
    return [(start, end) for start, end in (long / audio.sample_rate).tolist()]


def shorten_pauses(audio: Audio, longest_s: float, threshold_db: float = -42.0) -> Audio:
    """The middle taken out of every silence that is longer, the ends' silences too."""
    rate = audio.sample_rate
    kept = np.ones(len(audio.samples), bool)
    for start, end in pauses(audio, longest_s, threshold_db):
        kept[round((start + longest_s / 2) * rate) : round((end - longest_s / 2) * rate)] = False
    return replace(audio, samples=audio.samples[kept])


def cut(audio: Audio, start_s: float = 0.0, end_s: float | None = None) -> Audio:
    """From one second to another (default: the end). Raises AudioError where nothing is left."""
    end_s = audio.duration_s if end_s is None else end_s
    if not 0.0 <= start_s < min(end_s, audio.duration_s):
        raise AudioError(
            f"There is no audio between {start_s:g} s and {end_s:g} s.",
            f"The audio is {audio.duration_s:.2f} s long.",
        )
    first, last = (round(s * audio.sample_rate) for s in (start_s, min(end_s, audio.duration_s)))
    return replace(audio, samples=audio.samples[first:last])


def frame_energies(samples: NDArray[np.float32], per_frame: int) -> NDArray[np.float64]:
    """Mean square per frame; the last may be shorter."""
    at_once = per_frame * FRAMES_AT_ONCE  # squares take twice the memory of samples
    blocks = (samples[first : first + at_once] for first in range(0, len(samples), at_once))
    return np.concatenate([np.zeros(0), *(_energies(block, per_frame) for block in blocks)])


def _energies(samples: NDArray[np.float32], per_frame: int) -> NDArray[np.float64]:
    starts = np.arange(0, len(samples), per_frame)
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    return sums / np.diff(np.append(starts, len(samples)))


def fade(audio: Audio, in_s: float = 0.0, out_s: float = 0.0) -> Audio:
    """Raised-cosine ramps at the ends, from and to zero, each at most the whole length."""
    samples = audio.samples.copy()
    for seconds, view in ((in_s, samples), (out_s, samples[::-1])):
        n = min(round(seconds * audio.sample_rate), len(samples))
        view[:n] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / max(n, 1))).astype(np.float32)
    return replace(audio, samples=samples)


def pad(audio: Audio, before_s: float = 0.0, after_s: float = 0.0) -> Audio:
    """With silence before and after."""
    before, after = (silence(s, audio.sample_rate).samples for s in (before_s, after_s))
    return replace(audio, samples=np.concatenate([before, audio.samples, after]))


def silence(seconds: float, sample_rate: int) -> Audio:
    return Audio(np.zeros(max(0, round(seconds * sample_rate)), np.float32), sample_rate)


def join(pieces: Sequence[Audio], pauses_s: Sequence[float] = ()) -> Audio:
    """One after another; `pauses_s[i]` of silence follows piece i, none where the list has ended.

    Raises AudioError for no pieces or differing sample rates.
    """
    rates = {piece.sample_rate for piece in pieces}
    if len(rates) != 1:
        listed = ", ".join(f"{r} Hz" for r in sorted(rates)) or "nothing"
        raise AudioError(f"Cannot join {listed}.", "Give pieces of one sample rate.")
    rate = rates.pop()
    parts = []
    for index, piece in enumerate(pieces):
        parts.append(piece.samples)
        if index < len(pauses_s):
            parts.append(silence(pauses_s[index], rate).samples)
    return Audio(np.concatenate(parts), rate)
