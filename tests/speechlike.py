"""Sound with the outline of speech: noise whose level and colour change as syllables do."""

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
    dark = np.convolve(noise, np.ones(9) / 9, "valid")
    bright = noise[4 : n + 4] - dark
    t = np.arange(n) / sample_rate
    outline = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)
    colour = 0.5 + 0.5 * np.sin(2 * np.pi * 2.7 * t)
    samples = outline * (colour**2 * dark + 0.3 * (1 - colour) ** 2 * bright)
    return Audio((samples * level / np.sqrt(np.mean(samples**2))).astype(np.float32), sample_rate)
