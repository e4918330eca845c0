"""What a row may say about its timing and melody, for models that learn them from the data.

A row of a `jsonl` manifest has three keys more: `tokens` (ids of the model's vocabulary),
`durations_s` (seconds of each token) and `pitch_hz` (the values stand for equal parts of the whole
sound; one below 40 is unvoiced). `cycles`, as many values, may say how many pulses have gone by:
without it the pitch is summed up, which is right only for speech that a synthesiser made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.types import FeatureSpec

KEYS = ("tokens", "durations_s", "pitch_hz")
LOWEST_HZ = 40.0


@dataclass(frozen=True)
class Prosody:
    """`durations_s` `[L]` belongs to `tokens`; `pitch_hz` `[P]` covers the whole sound evenly, and
    so does `cycles` `[P]`, where it is known.
    """

    tokens: tuple[int, ...]
    durations_s: np.ndarray
    pitch_hz: np.ndarray
    cycles: np.ndarray | None = None

    def frames(self, spec: FeatureSpec) -> np.ndarray:
        """Frames per token `[L]`, not rounded."""
        return (self.durations_s * spec.frame_rate).astype(np.float32)

    def pitch(self, spec: FeatureSpec, n_frames: int) -> np.ndarray:
        """Hz at each frame's middle `[T]`, 0 where unvoiced.

        Between two values the logarithm is interpolated; a frame is voiced when the value nearest
        to it is.
        """
        total_s = float(self.durations_s.sum())
        times = np.arange(n_frames) / spec.frame_rate
        voiced, centres = self.pitch_hz > LOWEST_HZ, self._centres_s()
        if not voiced.any():
            return np.zeros(n_frames, np.float32)
        logs = np.interp(times, centres[voiced], np.log(self.pitch_hz[voiced]))
        nearest = np.clip(times / total_s * len(self.pitch_hz), 0, len(self.pitch_hz) - 1)
        return (np.exp(logs) * voiced[nearest.astype(int)]).astype(np.float32)

    def phase(self, spec: FeatureSpec, n_frames: int) -> np.ndarray:
        """Cycles (below 1) that pulses at this pitch have gone through at each frame `[T]`.

        The pitch is interpolated sample by sample, as it stands but for a floor of 40 Hz, and
        summed up: what a source-filter synthesiser does that starts with the sound. Where `cycles`
        are known, they are interpolated.
        """
        if self.cycles is not None:
            frames = np.arange(n_frames) / spec.frame_rate
            return (np.interp(frames, self._centres_s(), self.cycles) % 1).astype(np.float32)
        n_samples = (n_frames - 1) * spec.hop_length + 1
        times = (np.arange(n_samples) + 0.5) / spec.sample_rate
        hertz = np.interp(times, self._centres_s(), self.pitch_hz.astype(np.float64))
        cycles = np.maximum(hertz, LOWEST_HZ).cumsum() / spec.sample_rate
        return (cycles[:: spec.hop_length] % 1).astype(np.float32)

    def _centres_s(self) -> np.ndarray:
        count = len(self.pitch_hz)
        return (np.arange(count) + 0.5) * float(self.durations_s.sum()) / count


def read(record: Mapping[str, Any]) -> Prosody | None:
    """The prosody of a row, or None when it has none. Raises ValueError saying what is wrong."""
    given = [key for key in KEYS if key in record]
    if not given:
        return None
    if len(given) < len(KEYS):
        raise ValueError(f"it has only {', '.join(given)} of {', '.join(KEYS)}")
    tokens = tuple(int(token) for token in record["tokens"])
    durations = np.asarray(record["durations_s"], np.float64)
    pitch = np.asarray(record["pitch_hz"], np.float32)
    if len(tokens) != len(durations) or not len(tokens):
        raise ValueError(f"it has {len(tokens)} tokens and {len(durations)} durations")
    if durations.ndim != 1 or pitch.ndim != 1 or not len(pitch) or (durations < 0).any():
        raise ValueError("durations_s and pitch_hz must be lists of numbers, durations positive")
    cycles = np.asarray(record["cycles"], np.float64) if "cycles" in record else None
    if cycles is not None and cycles.shape != pitch.shape:
        raise ValueError(f"it has {len(pitch)} values of pitch_hz and {cycles.size} of cycles")
    return Prosody(tokens, durations, pitch, cycles)
