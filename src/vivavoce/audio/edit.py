"""Cutting and joining samples: silence, fades, pauses. Knows no files, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import from_db
from vivavoce.errors import AudioError
from vivavoce.types import Audio

FRAME_S = 0.01


def trim_silence(audio: Audio, threshold_db: float = -42.0, keep_s: float = 0.0) -> Audio:
    """Without the silence at both ends, but for `keep_s` of it. All silence gives no samples.

    Silent are frames of 10 ms whose RMS lies below the threshold (dB of full scale).
    """
    per_frame = max(1, round(FRAME_S * audio.sample_rate))
    loud = np.flatnonzero(_frame_energies(audio.samples, per_frame) >= from_db(threshold_db) ** 2)
    if not len(loud):
        return replace(audio, samples=audio.samples[:0])
    kept = round(keep_s * audio.sample_rate)
    start = max(0, int(loud[0]) * per_frame - kept)
    stop = min(len(audio.samples), (int(loud[-1]) + 1) * per_frame + kept)
    return replace(audio, samples=audio.samples[start:stop])


def _frame_energies(samples: NDArray[np.float32], per_frame: int) -> NDArray[np.float64]:
    """Mean square per frame; the last may be shorter."""
    starts = np.arange(0, len(samples), per_frame)
    if not len(starts):
        return np.zeros(0)
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
