"""Named pieces of MelGAN's work at stated sizes. Weights are random."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from vivavoce.audio.specs import COQUI_22K
from vivavoce.types import Workload
from vivavoce.vocoders.melgan.config import FULLBAND, MULTIBAND, MelganConfig
from vivavoce.vocoders.melgan.model import Melgan
from vivavoce.vocoders.work import usual


def workloads() -> dict[str, Workload]:
    """The usual ones of the fullband generator, and a typical one of four sub-bands."""
    return usual(partial(_random, FULLBAND), 86.13, typical_multiband=partial(_random, MULTIBAND))


def _random(config: MelganConfig, full: bool) -> Melgan:
    return Melgan(config if full else replace(config, width=16), COQUI_22K)
