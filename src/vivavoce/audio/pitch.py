"""The pitch of a recording, and the phase of its pulses.

Shapes: S samples, P times, K candidates of a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vivavoce.types import Audio

Floats = NDArray[np.float64]
N = TypeVar("N", bound=np.number[Any])

LOWEST_HZ, HIGHEST_HZ = 70.0, 500.0
STEP_S = 0.0125
"""Time between two values of `pitch_hz`."""

WINDOW_S = 3 / LOWEST_HZ
"""Three periods of the lowest pitch."""

N_CANDIDATES = 8
SILENT = 0.01
"""A frame whose peak is below this part of the recording's peak is more likely unvoiced."""

VOICED = 0.5
"""An unvoiced frame counts as much as a periodicity of this strength."""

OCTAVE, JUMP, CHANGE = 0.02, 0.5, 0.14
"""Costs: of a pitch an octave lower; of a jump by an octave, and of voicing's start or end, both
for `COST_S` between two frames."""

COST_S = 0.01
SMOOTHED_S = 0.03
BLOCK = 256
PASSED_HZ = 900.0
PULSE_LEAD = -0.195
"""Part of a period by which a pulse is ahead of the peak of the fundamental."""


@dataclass(frozen=True)
class Melody:
    """`pitch_hz` `[P]`, 0 where unvoiced, and `cycles` `[P]`: pulses since the start, whole numbers
    at the pulses themselves. The values stand for equal parts of the sound.
    """

    pitch_hz: Floats
    cycles: Floats


def track(audio: Audio) -> Floats:
    """Pitch in Hz `[P]`, 0 where unvoiced; one value for every 12.5 ms, of the part's middle.

    The path of least cost through the peaks of the normalised autocorrelation (Boersma 1993,
    "Accurate short-term analysis of the fundamental frequency"). Frequencies lie between 70 and
    500 Hz.
    """
    count = max(1, round(len(audio.samples) / audio.sample_rate / STEP_S))
    frames = _frames(audio.samples, _centres(audio, count), round(WINDOW_S * audio.sample_rate))
    found = [
        _candidates(part, audio.sample_rate)
        for part in np.split(frames, range(BLOCK, count, BLOCK))
    ]
    hertz, strength = (np.concatenate(parts) for parts in zip(*found, strict=True))
    peak = np.abs(frames).max(axis=1)
    loud = peak / max(float(np.abs(audio.samples).max(initial=0.0)), 1e-9)
    quiet = np.maximum(0, 2 - loud * (1 + VOICED) / SILENT)
    strength[:, 0] = VOICED + quiet
    return hertz[np.arange(count), _path(hertz, strength)]


def melody(audio: Audio) -> Melody:
    """The pitch, and the phase of the pulses that go with it.

    The fundamental is shifted to zero frequency by the pitch summed up, and smoothed;
    its phase says by how much the sum is off.
    """
    pitch = track(audio)
    count, rate = len(pitch), audio.sample_rate
    voiced = pitch > 0
    if not voiced.any():
        return Melody(pitch, np.zeros(count))
    centres = _centres(audio, count)
    times = np.arange(len(audio.samples))
    hertz = np.exp(np.interp(times, centres[voiced], np.log(pitch[voiced])))
    summed = np.cumsum(hertz) / rate
    shifted = audio.samples * np.exp(-2j * np.pi * summed)
    window = _frames(shifted, centres, round(SMOOTHED_S * rate))
    phase = np.angle((window * np.hanning(window.shape[1])).sum(axis=1)) / (2 * np.pi)
    phase = np.unwrap(phase, period=1)
    cycles = np.interp(centres, times, summed) + phase + PULSE_LEAD
    return Melody(pitch, cycles - np.floor(cycles[0]))


def _centres(audio: Audio, count: int) -> Floats:
    """The middle sample of each of `count` equal parts."""
    return (np.arange(count, dtype=np.float64) + 0.5) * (len(audio.samples) / count)


def _frames(samples: NDArray[N], centres: Floats, size: int) -> NDArray[N]:
    """`[P, size]` around the centres; silence beyond the ends."""
    padded = np.pad(samples, (size // 2, size))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)
    return windows[np.minimum(centres.round().astype(int), len(windows) - 1)]


def _candidates(frames: NDArray[np.floating[Any]], rate: int) -> tuple[Floats, Floats]:
    """Hz and strength `[P, K + 1]`; the first column is kept for being unvoiced."""
    size = frames.shape[1]
    window = np.hanning(size)
    spectrum = np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * window, 2 * size)
    spectrum *= _low_pass(rate, 2 * size)
    correlation = np.fft.irfft(np.square(np.abs(spectrum)), axis=1)[:, :size]
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, 2 * size))))[:size]
    correlation /= np.maximum(correlation[:, :1], 1e-12) * np.maximum(own / own[0], 0.05)
    first, last = int(rate / HIGHEST_HZ), min(int(rate / LOWEST_HZ) + 1, size - 2)
    left, middle, right = (correlation[:, first + i : last + i] for i in (-1, 0, 1))
    bend = np.minimum(left - 2 * middle + right, -1e-9)
    shift = 0.5 * (left - right) / bend
    lags = np.arange(first, last) + np.clip(shift, -0.5, 0.5)
    height = np.minimum(middle - 0.25 * (left - right) * shift, 1)
    score = height - OCTAVE * np.log2(LOWEST_HZ * lags / rate)
    score = np.where((middle >= left) & (middle > right), score, -9.0)
    best = np.argpartition(-score, N_CANDIDATES, axis=1)[:, :N_CANDIDATES]
    hertz = rate / np.take_along_axis(lags, best, 1)
    strength = np.take_along_axis(score, best, 1)
    return np.pad(hertz, ((0, 0), (1, 0))), np.pad(strength, ((0, 0), (1, 0)))


def _low_pass(rate: int, size: int) -> Floats:
    """1 up to `PASSED_HZ`, falling to 0 an octave above."""
    hz = np.fft.rfftfreq(size, 1 / rate)
    return np.clip(2 - hz / PASSED_HZ, 0, 1).astype(np.float64)


def _path(hertz: Floats, strength: Floats) -> NDArray[np.int64]:
    """The number of the best candidate at each time (Viterbi)."""
    voiced = hertz > 0
    logs = np.log2(np.where(voiced, hertz, 1))
    scale = COST_S / STEP_S
    total, back = strength[0], np.zeros(hertz.shape, np.int64)
    for i in range(1, len(hertz)):
        both = voiced[i - 1][:, None] & voiced[i]
        jump = JUMP * np.abs(logs[i - 1][:, None] - logs[i]) * both
        change = CHANGE * (voiced[i - 1][:, None] != voiced[i])
        reached = total[:, None] - scale * (jump + change)
        back[i] = reached.argmax(axis=0)
        total = reached.max(axis=0) + strength[i]
    chosen = np.empty(len(hertz), np.int64)
    chosen[-1] = int(total.argmax())
    for i in range(len(hertz) - 1, 0, -1):
        chosen[i - 1] = back[i, chosen[i]]
    return chosen
