"""Named pieces of HiFi-GAN's work at stated sizes. Knows the shapes only; weights are random."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.types import Workload
from vivavoce.vocoders.hifigan.config import V1, V2, V3, HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.work import decoding, streaming

TOY: dict[str, Any] = {"width": 16, "block_kernels": (3, 5), "block_dilations": ((1, 3), (1,))}


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream; the paper's three sizes."""
    v1, v2, v3 = (partial(_random, config) for config in (V1, V2, V3))
    return {
        w.name: w
        for w in (
            decoding("shortest", v1, 1, 1),
            decoding("typical", v1, 1, 500),
            decoding("typical_v2", v2, 1, 500),
            decoding("typical_v3", v3, 1, 500),
            decoding("longest", v1, 1, 5168),
            decoding("batch", v1, 4, 200),
            streaming(v1, 500, 90),
        )
    }


def _random(config: HifiganConfig, full: bool) -> Hifigan:
    return Hifigan(config if full else replace(config, **TOY), HIFIGAN_22K)
