"""How far apart two float32 results may lie. The one place where tests get their tolerances.

No number here comes from one processor. Another CPU adds the same products in another order, so
what it gives differs by rounding errors, and their unit is known:

- The error of the reference itself. A recording says for its outputs how far float32 was from
  float64 (`fp64_err`) and how large they are (`absmax`). Ours has an error of the same size in
  another direction, and each grows a little on another CPU: hence a few units.
- Where an output has no such number, the largest error relative to the size that the other
  outputs of that recording have, times the size of this one.
- Where nothing was recorded, the step of float32 at the size of the value, times the number of
  roundings that lie upon one another.

A float32 Fourier transform spreads its rounding errors over all bins of a frame, the quiet ones
too. So spectra are compared as magnitudes, never as logarithms: in a quiet bin the logarithm of a
rounding error is as large as one likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from tests.conftest import Parity

EPSILON = 2.0**-23
"""The step of float32 between 1 and 2."""

UNITS = 8.0
"""Reference errors between two programs: 2 by definition, times 4 for CPUs other than its own."""

ROUNDINGS = 64.0
"""Steps of float32 between two orders of the same sums, through the layers of a small model."""


PRODUCT = {torch.float32: ROUNDINGS * EPSILON, torch.bfloat16: 2 * 2.0**-7}
"""Relative error of one product of matrices: bfloat16 rounds inputs, weights and result once."""


def recorded_unit(recording: Parity, output: str) -> float:
    """The reference's error in float32 for an output, at least one step of float32 at its size."""
    outputs = recording.meta["outputs"]
    size = outputs[output]["absmax"]
    error = outputs[output].get("fp64_err")
    if error is None:
        known = [o for o in outputs.values() if o.get("fp64_err") and o["absmax"]]
        error = size * max((o["fp64_err"] / o["absmax"] for o in known), default=4 * EPSILON)
    return max(error, EPSILON * size)


def assert_recorded(
    found: torch.Tensor,
    recording: Parity,
    output: str,
    part: slice | int | tuple[slice | int, ...] = ...,  # type: ignore[assignment]
    scale: torch.Tensor | float = 1.0,
) -> None:
    """`found` is the recorded output, or a `part` of it, times `scale`."""
    expected = recording.outputs[output][part] * scale
    assert_within(found, expected, UNITS * recorded_unit(recording, output), output)


def assert_near(found: torch.Tensor, expected: torch.Tensor, roundings: float = ROUNDINGS) -> None:
    """Two ways to compute the same: apart by roundings of the largest value."""
    assert_within(found, expected, roundings * EPSILON * peak(expected))


def assert_precise(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    """One product computed in `dtype`, against float32 or float64."""
    assert found.dtype == dtype
    assert_within(found, expected, PRODUCT[dtype] * peak(expected))


def assert_within(
    found: torch.Tensor, expected: torch.Tensor, limit: float, name: str = "values"
) -> None:
    """The largest difference stays within `limit`, in the units of the values."""
    found, expected = found.detach(), expected.detach()
    assert found.shape == expected.shape, f"{name}: {found.shape} instead of {expected.shape}"
    assert torch.isfinite(found).all(), f"{name}: not finite"
    if not found.numel():
        return
    error = peak(found.double() - expected.double())
    assert error <= limit, f"{name}: {error:.3g} apart, {limit:.3g} allowed"


def spectrum_error(expected: torch.Tensor) -> torch.Tensor:
    """What rounding may make of magnitudes `[B, F, T]` of a float32 transform, for each of them.

    16 steps of float32 at the frame's root mean square: a transform of 1024 has 10 stages. 64 at
    the value itself: the references make their mel filters in float32, up to 1e-5 off, and a
    logarithm near -11.5, and back, rounds at 12 times the step.
    """
    frame = expected.double().square().mean(dim=1, keepdim=True).sqrt()
    return EPSILON * (16 * frame + 64 * expected.double().abs())


def assert_spectrum(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Magnitudes `[B, F, T]`, apart by what the transform's rounding makes of each."""
    assert found.shape == expected.shape
    assert torch.isfinite(found).all()
    error = (found.double() - expected.double()).abs() / spectrum_error(expected)
    assert error.max() <= 1, f"{error.max():.2f} times what rounding explains"


def peak(values: torch.Tensor | np.ndarray) -> float:
    values = torch.as_tensor(values)
    return float(values.detach().abs().max()) if values.numel() else 0.0
