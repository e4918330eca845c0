"""Named pieces of WaveGrad's work at stated sizes. Weights are random."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.audio.specs import COQUI_22K
from vivavoce.types import Workload
from vivavoce.vocoders.wavegrad.config import WavegradConfig
from vivavoce.vocoders.wavegrad.model import Wavegrad
from vivavoce.vocoders.work import usual

TOY = WavegradConfig(8, 2, (2, 2, 2, 2), (2, 2, 2, 2, 2), steps=1)


def workloads() -> dict[str, Workload]:
    """The usual ones; the published size takes its 50 steps."""
    return usual(_random, 86.13)


def _random(full: bool) -> Wavegrad:
    if full:
        return Wavegrad(WavegradConfig(), COQUI_22K)
    return Wavegrad(TOY, replace(COQUI_22K, n_mels=8))
