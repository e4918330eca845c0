"""What is wrong with samples, as numbers: the caller decides what it minds. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.loudness import rms_db


def nonfinite_count(samples: NDArray[np.floating]) -> int:
    """How many of `[S]` are NaN or infinite."""
    return int(len(samples) - np.count_nonzero(np.isfinite(samples)))


def dc_offset(samples: NDArray[np.floating]) -> float:
    """Mean of `[S]`; speech lies within 0.01 of zero."""
    return float(np.mean(samples, dtype=np.float64)) if len(samples) else 0.0


def clipping_ratio(samples: NDArray[np.floating], limit: float = 0.999) -> float:
    """Part of `[S]` that is as large as the limit or larger, 0..1."""
    return float(np.mean(np.abs(samples) >= limit)) if len(samples) else 0.0


def is_silent(samples: NDArray[np.floating], threshold_db: float = -60.0) -> bool:
    """Whether the RMS of `[S]` lies below the threshold, in dB of full scale. Nothing is silent."""
    return rms_db(np.asarray(samples, np.float32)) < threshold_db
