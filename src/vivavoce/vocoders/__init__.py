"""Features to waveform. This table is the only place that names the vocoder families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivavoce.registry import Registry

if TYPE_CHECKING:
    from vivavoce.vocoders.base import Vocoder

VOCODERS: Registry[Vocoder] = Registry(
    "vocoder",
    {
        "bigvgan": "vivavoce.vocoders.bigvgan",
        "hifigan": "vivavoce.vocoders.hifigan",
        "melgan": "vivavoce.vocoders.melgan",
        "pulse": "vivavoce.vocoders.pulse",
        "vocos": "vivavoce.vocoders.vocos",
    },
)

workloads = VOCODERS.workloads
