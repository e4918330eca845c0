"""Sound with the outline of speech: bursts of noise like syllables, silence where it is wanted."""

from __future__ import annotations

import numpy as np

from vivavoce.types import Audio


def speechlike(
    seconds: float, sample_rate: int = 24_000, level: float = 0.2, seed: int = 0
) -> Audio:
    """`[S]` of RMS `level`, four syllables a second, never below a tenth of the loudest."""
    n = round(seconds * sample_rate)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n + 8)
    noise = np.convolve(noise, np.ones(9) / 9, "valid")
    outline = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(n) / sample_rate)
    samples = noise * outline
    return Audio((samples * level / np.sqrt(np.mean(samples**2))).astype(np.float32), sample_rate)
