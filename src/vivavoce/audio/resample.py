"""Sample rate conversion: soxr on the CPU at the edges, windowed sinc on tensors inside models.

torch is imported only by `sinc_resample`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray

from vivavoce.errors import AudioError

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_DIMENSION = 65_536
"""Longest tensor dimension handed to a convolution: more is refused by some devices."""

LOWPASS_WIDTH = 6
ROLLOFF = 0.99


def resample(samples: NDArray[np.float32], have: int, want: int) -> NDArray[np.float32]:
    """`[S]` at `have` Hz as `want` Hz, by soxr at its best. Raises AudioError for rates below 1."""
    _check(have, want)
    if have == want or not len(samples):
        return samples
    return soxr.resample(np.ascontiguousarray(samples, np.float32), have, want, quality="VHQ")


def resampler(have: int, want: int) -> soxr.ResampleStream:
    """A converter fed by pieces: `.resample_chunk(samples, last=False)` returns what is ready."""
    _check(have, want)
    return soxr.ResampleStream(have, want, 1, dtype="float32", quality="VHQ")


def resample_pieces(
    pieces: Iterable[NDArray[np.float32]], have: int, want: int
) -> Iterator[NDArray[np.float32]]:
    """`resample` over pieces `[s]` of one signal, in memory that does not grow."""
    if have == want:
        yield from pieces
        return
    stream = resampler(have, want)
    for piece in pieces:
        yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def sinc_resample(samples: Tensor, have: int, want: int) -> Tensor:
    """`[B, S]` at `have` Hz as `[B, ceil(S * want / have)]`, on the tensor's device.

    Sinc interpolation under a Hann window (Smith, Digital Audio Resampling), six zero crossings
    wide, cut off at 0.99 of the lower Nyquist frequency: what the published models were fed with.
    Computed in windows of time with exact halo; every output sample is the same dot product as in
    one go. Raises AudioError for pairs of rates whose table would be too large.
    """
    import torch
    from torch.nn import functional

    _check(have, want)
    if have == want:
        return samples
    divisor = math.gcd(have, want)
    step, phases = have // divisor, want // divisor
    table = _sinc_table(step, phases)
    kernel = torch.tensor(table, dtype=samples.dtype, device=samples.device)[:, None]
    taps = table.shape[1]
    length = -(-samples.shape[-1] * phases // step)
    padded = functional.pad(samples, ((taps - step) // 2, (taps - step) // 2 + step))
    n_frames = samples.shape[-1] // step + 1
    at_once = (LARGEST_DIMENSION - taps) // step + 1
    pieces = []
    for first in range(0, n_frames, at_once):
        last = min(first + at_once, n_frames) - 1
        window = padded[:, None, first * step : last * step + taps]
        pieces.append(functional.conv1d(window, kernel, stride=step).transpose(1, 2).flatten(1))
    return torch.cat(pieces, dim=1)[:, :length]


def resample_as_published(samples: Tensor, have: int, want: int) -> Tensor:
    """`[B, S]` by `sinc_resample`; on the CPU by soxr where the rates share no factor."""
    import torch

    try:
        return sinc_resample(samples, have, want)
    except AudioError:
        rows = [resample(row, have, want) for row in samples.cpu().numpy()]
        return torch.from_numpy(np.stack(rows)).to(samples)


def _check(have: int, want: int) -> None:
    if have < 1 or want < 1:
        raise AudioError(f"Cannot resample {have} Hz to {want} Hz.", "Give rates above zero.")


@lru_cache(maxsize=16)
def _sinc_table(step: int, phases: int) -> NDArray[np.float32]:
    """One filter per output phase, `[phases, 2 * width + step]`, for rates that share no factor.

    The phases are rounded to single precision, as in the resampler the published models were fed
    by: without it the outputs differ by up to 1.2e-5.
    """
    cutoff = min(step, phases) * ROLLOFF
    width = math.ceil(LOWPASS_WIDTH * step / cutoff)
    taps = 2 * width + step
    if taps > LARGEST_DIMENSION // 2 or taps * phases > 2**25:
        raise AudioError(
            f"The ratio {phases}/{step} of the sample rates needs too large a table.",
            "Convert to a common rate such as 24000 or 22050 Hz when reading the file.",
        )
    inputs = np.arange(-width, width + step) / step
    outputs = -(np.arange(phases, dtype=np.float32) / np.float32(phases)).astype(np.float64)
    time = np.clip((outputs[:, None] + inputs) * cutoff, -LOWPASS_WIDTH, LOWPASS_WIDTH)
    hann = np.cos(time * np.pi / LOWPASS_WIDTH / 2.0) ** 2
    return (np.sinc(time) * hann * cutoff / step).astype(np.float32)
