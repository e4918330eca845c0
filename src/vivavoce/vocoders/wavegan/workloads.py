"""Named pieces of Parallel WaveGAN's work at stated sizes. Weights are random."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.audio.specs import COQUI_22K
from vivavoce.types import Workload
from vivavoce.vocoders.wavegan.config import WaveganConfig
from vivavoce.vocoders.wavegan.model import Wavegan
from vivavoce.vocoders.work import usual

TOY = WaveganConfig(width=4, gate=8, skip=4, layers=3)


def workloads() -> dict[str, Workload]:
    """The usual ones, of the published size."""
    return usual(_random, 86.13)


def _random(full: bool) -> Wavegan:
    if full:
        return Wavegan(WaveganConfig(), COQUI_22K)
    return Wavegan(TOY, replace(COQUI_22K, n_mels=8))
