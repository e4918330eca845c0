"""Named pieces of Griffin-Lim's work at stated sizes."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.audio.specs import COQUI_22K
from vivavoce.types import Workload
from vivavoce.vocoders.griffinlim.config import GriffinLimConfig
from vivavoce.vocoders.griffinlim.model import GriffinLim
from vivavoce.vocoders.work import usual

TOY_SPEC = replace(COQUI_22K, n_fft=512, win_length=512, n_mels=20)


def workloads() -> dict[str, Workload]:
    """The usual ones, with the default settings; the toy has fewer iterations and bins."""
    return usual(_made, 86.13)


def _made(full: bool) -> GriffinLim:
    if full:
        return GriffinLim(GriffinLimConfig(), COQUI_22K)
    return GriffinLim(GriffinLimConfig(iterations=2), TOY_SPEC)
