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
        "encodec": "vivavoce.vocoders.encodec",
        "griffinlim": "vivavoce.vocoders.griffinlim",
        "hifigan": "vivavoce.vocoders.hifigan",
        "melgan": "vivavoce.vocoders.melgan",
        "pulse": "vivavoce.vocoders.pulse",
        "univnet": "vivavoce.vocoders.univnet",
        "vocos": "vivavoce.vocoders.vocos",
        "wavegan": "vivavoce.vocoders.wavegan",
        "wavegrad": "vivavoce.vocoders.wavegrad",
        "wavernn": "vivavoce.vocoders.wavernn",
    },
)

workloads = VOCODERS.workloads
