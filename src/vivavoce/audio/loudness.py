"""How loud samples are: peak, RMS, and loudness as people hear it (ITU-R BS.1770-4). No torch."""

from __future__ import annotations

from array import array
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vivavoce.types import Audio

BLOCK_S = 0.4
STEP_S = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_LUFS = -0.691
PEAK_LIMIT_DB = -1.0
"""Of full scale: what coders add above the samples' peak then stays below full scale."""

METERED_S = 4.0
"""A meter collects so much before it filters."""

FILTER_S = 0.25
"""Length kept of the weighting's impulse response: what follows is below 1e-20."""


def to_db(amplitude: float) -> float:
    """20 log10, with silence as -inf."""
    return float(20.0 * np.log10(amplitude)) if amplitude > 0.0 else float("-inf")


def from_db(db: float) -> float:
    return float(10.0 ** (db / 20.0))


def peak_db(samples: NDArray[np.float32]) -> float:
    """Largest magnitude of `[S]` in dB of full scale."""
    return to_db(float(np.abs(samples).max(initial=0.0)))


def rms(samples: NDArray[np.float32]) -> float:
    """Root mean square of `[S]`; 0 for no samples."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def rms_db(samples: NDArray[np.float32]) -> float:
    """Root mean square of `[S]` in dB: -3.01 for a sine of full scale."""
    return to_db(rms(samples))


def integrated_lufs(audio: Audio) -> float:
    """Gated loudness of mono audio in LUFS; -inf for silence.

    Blocks of 400 ms every 100 ms, an absolute gate at -70 LUFS, then a relative gate 10 LU below
    what is left. Audio shorter than a block counts as one block.
    """
    return _gated(_block_energies(audio.samples, audio.sample_rate))


class Meter:
    """`integrated_lufs` and `peak_db` of mono audio that comes piece by piece.

    Keeps a few seconds of samples, and ten numbers for each second that has passed.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._peak = 0.0
        self._sums = array("d")  # weighted energy per step
        self._edge = 0  # samples before the step that is not complete
        self._past = np.zeros(0, np.float32)  # before the edge, as long as the filter remembers
        self._rest = np.zeros(0, np.float32)  # behind it

    def add(self, samples: NDArray[np.float32]) -> None:
        """The next `[S]` samples."""
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        self._rest = np.concatenate([self._rest, samples])
        if len(self._rest) >= METERED_S * self._rate:
            self._measure()

    @property
    def peak_db(self) -> float:
        return to_db(self._peak)

    @property
    def lufs(self) -> float:
        """Of all that came so far; -inf for silence."""
        self._measure()
        per_block = round(BLOCK_S / STEP_S)
        if len(self._sums) < per_block:
            whole = np.concatenate([self._past, self._rest])
            return integrated_lufs(Audio(whole, self._rate))
        total = np.convolve(np.array(self._sums), np.ones(per_block), mode="valid")
        edges = np.round(np.arange(len(self._sums) + 1) * STEP_S * self._rate)
        return _gated(total / (edges[per_block:] - edges[:-per_block]))

    def _measure(self) -> None:
        """Takes the steps that are complete from the rest."""
        first, end = len(self._sums), self._edge + len(self._rest)
        steps = np.arange(first, int(end / (STEP_S * self._rate)) + 1)
        edges = np.round(steps * STEP_S * self._rate).astype(np.int64) - self._edge
        least = 1 if first else round(BLOCK_S / STEP_S)
        if len(edges) <= least:
            return
        begin, used = len(self._past), int(edges[-1])
        samples = np.concatenate([self._past, self._rest[:used]])
        shifted = np.concatenate([[0], edges + begin]) if begin else edges
        sums = _weighted_energy(samples, self._rate, shifted)
        self._sums.extend(sums[1 if begin else 0 :])
        self._past = samples[max(0, len(samples) - int(FILTER_S * self._rate)) :]
        self._rest, self._edge = self._rest[used:], self._edge + used


def _gated(blocks: NDArray[np.float64]) -> float:
    """Loudness of blocks that are neither silent nor much below the others."""
    audible = blocks[_lufs(blocks) >= ABSOLUTE_GATE_LUFS]
    if not len(audible):
        return float("-inf")
    gate = _lufs(audible.mean()) + RELATIVE_GATE_LU
    return float(_lufs(audible[_lufs(audible) >= gate].mean()))


def loudness_gain_db(
    loudness_lufs: float, peak: float, target_lufs: float, peak_limit_db: float = PEAK_LIMIT_DB
) -> float:
    """What to add to audio of that loudness and peak (dB); 0 for silence.

    Less than the target asks for where the peak would come to lie above the limit.
    """
    if not np.isfinite(loudness_lufs):
        return 0.0
    return min(target_lufs - loudness_lufs, peak_limit_db - peak)


def _lufs(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return OFFSET_LUFS + 10.0 * np.log10(energy)


def _block_energies(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Mean squares of the weighted samples, one per block."""
    per_block = round(BLOCK_S / STEP_S)
    n_steps = int(len(samples) / (STEP_S * sample_rate))
    if n_steps < per_block:
        edges = np.array([0, len(samples)])
        per_block = 1
    else:
        edges = np.round(np.arange(n_steps + 1) * STEP_S * sample_rate).astype(np.int64)
    sums = _weighted_energy(samples, sample_rate, edges)
    total = np.convolve(sums, np.ones(per_block), mode="valid")
    length = edges[per_block:] - edges[:-per_block]
    return total / np.maximum(length, 1)


def _weighted_energy(
    samples: NDArray[np.float32], sample_rate: int, edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sums of squares between edges, of the K-weighted samples; a few seconds at a time."""
    response = _weighting(sample_rate)
    n_fft = (len(response) - 1) * 2
    halo = int(FILTER_S * sample_rate)
    sums = np.zeros(len(edges) - 1)
    per_turn = n_fft - halo
    for start in range(0, int(edges[-1]), per_turn):
        stop = min(start + per_turn, int(edges[-1]))
        past = max(0, start - halo)
        spectrum = np.fft.rfft(samples[past:stop].astype(np.float64), n_fft) * response
        weighted = np.fft.irfft(spectrum, n_fft)[start - past : stop - past]
        step = np.searchsorted(edges, np.arange(start, stop), side="right") - 1
        sums += np.bincount(step, np.square(weighted), minlength=len(sums))
    return sums


@lru_cache(maxsize=8)
def _weighting(sample_rate: int) -> NDArray[np.complex128]:
    """Frequency response of the K-weighting, bins of an FFT over four seconds or more.

    The two filters of the standard are given for 48 kHz; here they are evaluated at the frequencies
    that audio of any rate has, so that its rate does not change how loud it is.
    """
    n_fft = 1 << int(np.ceil(np.log2(4 * sample_rate)))
    hz = np.minimum(np.arange(n_fft // 2 + 1) * sample_rate / n_fft, 24000.0)
    z = np.exp(-2j * np.pi * hz / 48000.0)  # z to the power of -1
    shelf = np.polyval([1.19839281085285, -2.69169618940638, 1.53512485958697], z)
    shelf = shelf / np.polyval([0.73248077421585, -1.69065929318241, 1.0], z)
    high_pass = (1.0 - z) ** 2 / np.polyval([0.99007225036621, -1.99004745483398, 1.0], z)
    return np.asarray(shelf * high_pass, np.complex128)
