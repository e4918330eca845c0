"""Named pieces of MelGAN's work at stated sizes. Weights are random."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.audio.specs import COQUI_22K
from vivavoce.types import Workload
from vivavoce.vocoders.melgan.config import FULLBAND, MULTIBAND
from vivavoce.vocoders.melgan.model import Melgan
from vivavoce.vocoders.work import decoding, usual


def workloads() -> dict[str, Workload]:
    """The usual ones of the fullband generator, and a typical one of four sub-bands."""
    found = usual(Melgan, FULLBAND, replace(FULLBAND, width=16))
    bands = decoding("typical_multiband", _multiband, 1, 500)
    return found | {bands.name: bands}


def _multiband(full: bool) -> Melgan:
    return Melgan(MULTIBAND if full else replace(MULTIBAND, width=16), COQUI_22K)
