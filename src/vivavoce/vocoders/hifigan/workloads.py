"""Named pieces of HiFi-GAN's work at stated sizes. Weights are random."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from vivavoce.audio.specs import HIFIGAN_22K, XTTS_LATENTS
from vivavoce.types import FeatureSpec, Workload
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.adversarial.work import Tables, training
from vivavoce.vocoders.hifigan.config import V1, V2, V3, HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.work import decoding, streaming

XTTS = HifiganConfig(condition_dim=512, condition_stages=True, output_bias=False)
TOY: dict[str, Any] = {"width": 16, "block_kernels": (3, 5), "block_dilations": ((1, 3), (1,))}
CRITICS = {"discriminator_width": 0.05, "scale_groups": (1, 2, 2, 2, 2, 2, 1)}


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream; the paper's three sizes, and XTTS'."""
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
            decoding("latents", partial(_random, XTTS, spec=XTTS_LATENTS), 1, 5625),
            training(_task, {"model": TOY, "loss": CRITICS}),
        )
    }


def _random(config: HifiganConfig, full: bool, spec: FeatureSpec = HIFIGAN_22K) -> Hifigan:
    return Hifigan(config if full else replace(config, **TOY), spec)


def _task(tables: Tables) -> AdversarialTask:
    from vivavoce.vocoders.hifigan.train import build_task

    return build_task(tables)
