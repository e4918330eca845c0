"""Short-time Fourier transform and its inverse, in forms that are native on every device.

Callers see real tensors only.
The settings (`n_fft`, `hop_length`, `win_length`, `window`, `framing`, `pad_mode`) are read from a
FeatureSpec; its other fields do not matter here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vivavoce.audio import tables
from vivavoce.errors import AudioError, ConfigError
from vivavoce.runtime.constants import constant
from vivavoce.types import FeatureSpec


def window_tensor(spec: FeatureSpec, like: Tensor) -> Tensor:
    """The window, zero-padded to `[n_fft]`, in the dtype and on the device of `like`."""
    return constant(tables.window, spec.window, spec.win_length, spec.n_fft, like=like)


def pad(samples: Tensor, spec: FeatureSpec) -> Tensor:
    """Pads `[B, S]` on both sides as the framing asks.

    Raises AudioError when there are too few samples to reflect.
    """
    total = spec.n_fft if spec.framing == "center" else spec.n_fft - spec.hop_length
    left = total // 2
    if spec.framing == "center":
        left, total = spec.n_fft // 2, 2 * (spec.n_fft // 2)
    if spec.pad_mode == "reflect" and samples.shape[-1] <= total - left:
        raise AudioError(
            f"{samples.shape[-1]} samples are too few for a transform of {spec.n_fft}.",
            f"Give at least {total - left + 1} samples.",
        )
    return functional.pad(samples, (left, total - left), mode=spec.pad_mode)


def stft(samples: Tensor, spec: FeatureSpec, window: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts, each `[B, F, T]`, of `[B, S]`; F = n_fft // 2 + 1.

    T = S // hop + 1 (`center`) or S // hop (`same`). `window` `[n_fft]` spares the table's copy.
    """
    spectrum = transform(pad(samples, spec), spec, window)
    parts = torch.view_as_real(spectrum)
    return parts[..., 0], parts[..., 1]


def transform(padded: Tensor, spec: FeatureSpec, window: Tensor | None = None) -> Tensor:
    """Complex spectrum `[B, F, T]` of samples that are padded already."""
    return torch.stft(
        padded,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        window=window_tensor(spec, padded) if window is None else window,
        center=False,
        return_complex=True,
    )


def istft(real: Tensor, imag: Tensor, spec: FeatureSpec) -> Tensor:
    """Samples `[B, S]` of a spectrum whose parts are `[B, F, T]`.

    S = (T - 1) * hop (`center`) or T * hop (`same`). Differentiable. Least-squares overlap-add
    (Griffin and Lim 1984): windowed frames are summed and divided by the summed squares of the
    window. The sum is n_fft/hop shifted additions of hop-long rows: no col2im, no index_add, and
    nothing is read back from the device. Raises ConfigError when the window leaves gaps.
    """
    hop, n_fft = spec.hop_length, spec.n_fft
    n_frames = real.shape[-1]
    per_frame = -(-n_fft // hop)  # rows of hop samples that a frame touches
    frames = torch.fft.irfft(_hermitian(real, imag, n_fft).transpose(1, 2), n=n_fft, dim=-1)
    frames = frames * window_tensor(spec, frames)
    if n_fft % hop:
        frames = functional.pad(frames, (0, per_frame * hop - n_fft))
    frames = frames.reshape(-1, n_frames, per_frame, hop)
    rows = frames.new_zeros(frames.shape[0], n_frames + per_frame - 1, hop)
    for shift in range(per_frame):
        rows[:, shift : shift + n_frames] += frames[:, :, shift]
    rows = rows * _inverse_envelope(spec, n_frames, frames)
    start, length = _kept(spec, n_frames)
    return rows.flatten(1)[:, start : start + length]


def _hermitian(real: Tensor, imag: Tensor, n_fft: int) -> Tensor:
    """The spectrum with real first and (n_fft even) last bins.

    A network's spectrum has imaginary parts there, and FFT libraries need not agree to ignore them.
    """
    last = 1 - n_fft % 2
    inner = imag[:, 1 : imag.shape[1] - last]
    return torch.complex(real, functional.pad(inner, (0, 0, 1, last)))


def _kept(spec: FeatureSpec, n_frames: int) -> tuple[int, int]:
    """Where the signal begins in the overlap-added rows, and how long it is, in samples."""
    if spec.framing == "center":
        return spec.n_fft // 2, (n_frames - 1) * spec.hop_length
    return (spec.n_fft - spec.hop_length) // 2, n_frames * spec.hop_length


def _inverse_envelope(spec: FeatureSpec, n_frames: int, like: Tensor) -> Tensor:
    """Reciprocal of the summed squared windows, rows `[n_frames + R - 1, hop]`.

    All rows between the first and last R - 1 are equal, so a table for few frames serves any
    number.
    """
    edge = -(-spec.n_fft // spec.hop_length) - 1
    few = min(n_frames, edge + 2)
    args = spec.window, spec.win_length, spec.n_fft, spec.hop_length, spec.framing
    table = constant(_inverse_table, *args, few, like=like)
    if few == n_frames:
        return table
    return torch.cat([table[:edge], table[edge].expand(n_frames - edge, -1), table[few:]])


@lru_cache(maxsize=64)
def _inverse_table(
    window: str, win_length: int, n_fft: int, hop: int, framing: str, n_frames: int
) -> NDArray[np.float64]:
    """`[n_frames + R - 1, hop]`; zero where no window reaches, outside what is kept."""
    per_frame = -(-n_fft // hop)
    squared = np.zeros(per_frame * hop)
    squared[:n_fft] = tables.window(window, win_length, n_fft) ** 2
    rows = np.zeros((n_frames + per_frame - 1, hop))
    for frame in range(n_frames):
        rows[frame : frame + per_frame] += squared.reshape(per_frame, hop)
    flat = rows.reshape(-1)
    start = n_fft // 2 if framing == "center" else (n_fft - hop) // 2
    length = (n_frames - 1 if framing == "center" else n_frames) * hop
    kept = flat[start : start + length]
    if len(kept) and kept.min() < 1e-11:
        raise ConfigError(
            f"A {window} window of {win_length} samples does not cover a hop of {hop}.",
            "Choose a longer window or a shorter hop.",
        )
    inverse = np.zeros_like(flat)
    inverse[start : start + length] = 1.0 / kept
    return inverse.reshape(rows.shape)
