"""Numbers that describe a clip of speech: noise, bandwidth, pitch, colour, outline. No thresholds.

All spectra are of frames of 32 ms every 16 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import pitch
from vivavoce.types import Audio

FRAME_S, STEP_S = 0.032, 0.016
N_BANDS = 24
LOWEST_HZ, HIGHEST_HZ = 80.0, 7600.0
BAND_HZ = 250.0
"""Width of the bands that the bandwidth is counted in."""

AUDIBLE_DB = -65.0
"""A band belongs to the speech if its loud frames lie no further below the strongest band."""

MOST_FRAMES = 1500
OUTLINE_STEPS, OUTLINE_BANDS = 48, 12
SILENCE = 1e-12


@dataclass(frozen=True)
class ClipMeasures:
    """`colour` is the mean level in 24 bands of the loud frames, dB, level removed; `outline` is
    what the clip looks like from afar: 12 bands at 48 equally spaced times, -127 to 127.
    """

    snr_db: float
    bandwidth_hz: float
    pitch_hz: float
    colour: tuple[float, ...]
    outline: bytes


def measure_clip(audio: Audio, floor: float, threshold: float) -> ClipMeasures:
    """Of `[S]` samples. `floor` and `threshold` are energies (mean squares) of the recording.

    Speech is what lies above the threshold; its level above the floor is the SNR.
    """
    frames = _frames(audio)
    energy = np.mean(np.square(frames), axis=1) + SILENCE
    loud = frames[energy >= min(threshold, float(energy.max()))]
    loud_energy = float(np.mean(np.square(loud))) + SILENCE
    window = np.hanning(frames.shape[1])
    power = np.square(np.abs(np.fft.rfft(loud * window, axis=1)))
    hz = np.arange(power.shape[1]) * (audio.sample_rate / frames.shape[1])
    bands = _bands(power, hz, N_BANDS)
    colour = 10 * np.log10(bands.mean(axis=0) + SILENCE)
    return ClipMeasures(
        snr_db=float(10 * np.log10(loud_energy / max(floor, SILENCE))),
        bandwidth_hz=_bandwidth_hz(power, hz),
        pitch_hz=_pitch_hz(audio),
        colour=tuple(float(v) for v in colour - colour.mean()),
        outline=_outline(frames * window, hz),
    )


def _frames(audio: Audio) -> NDArray[np.float64]:
    """`[N, frame]`; of long clips, frames spread evenly."""
    size, step = round(FRAME_S * audio.sample_rate), round(STEP_S * audio.sample_rate)
    samples = np.pad(audio.samples, (0, max(0, size - len(audio.samples))))
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[::step]
    return windows[:: -(-len(windows) // MOST_FRAMES)].astype(np.float64)


def _bands(
    power: NDArray[np.float64], hz: NDArray[np.float64], n_bands: int
) -> NDArray[np.float64]:
    """`[N, n_bands]`, equally wide on a logarithmic scale."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, n_bands + 1)
    first = np.minimum(np.searchsorted(hz, edges[:-1]), len(hz) - 1)
    last = np.maximum(np.searchsorted(hz, edges[1:]), first + 1)
    return np.stack([power[:, a:b].sum(axis=1) for a, b in zip(first, last, strict=True)], axis=1)


def _bandwidth_hz(power: NDArray[np.float64], hz: NDArray[np.float64]) -> float:
    """Upper edge of the highest band that is audible in the loudest tenth of its frames."""
    n_bands = int(hz[-1] / BAND_HZ)
    number = np.minimum((hz / BAND_HZ).astype(int), n_bands - 1)
    starts = np.searchsorted(number, np.arange(n_bands))
    bands = np.add.reduceat(power, starts, axis=1)
    level = 10 * np.log10(np.percentile(bands, 90, axis=0) + SILENCE)
    audible = np.flatnonzero(level >= level.max() + AUDIBLE_DB)
    return float((audible[-1] + 1) * BAND_HZ)


def _pitch_hz(audio: Audio) -> float:
    """Median over the voiced part; 0 where there is none."""
    hertz = pitch.track(audio)
    voiced = hertz[hertz > 0]
    return float(np.median(voiced)) if len(voiced) else 0.0


def _outline(frames: NDArray[np.float64], hz: NDArray[np.float64]) -> bytes:
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    floor = 1e-9 * power.sum(axis=1).max() + SILENCE
    level = 10 * np.log10(_bands(power, hz, OUTLINE_BANDS) + floor)
    edges = np.linspace(0, len(level), OUTLINE_STEPS + 1)
    picked = [level[int(a) : max(int(b), int(a) + 1)].mean(axis=0) for a, b in _pairs(edges)]
    outline = np.stack(picked)
    outline -= outline.mean(axis=0, keepdims=True)
    scaled = outline * (42.0 / (outline.std() + 1e-6))
    return np.clip(np.round(scaled), -127, 127).astype(np.int8).tobytes()


def _pairs(edges: NDArray[np.float64]) -> list[tuple[float, float]]:
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
