"""Named pieces of BigVGAN's work at stated sizes. Weights are random."""

from __future__ import annotations

from typing import Any

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.types import Workload
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.adversarial.work import Tables, training
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan
from vivavoce.vocoders.work import decoding, streaming

OFFICIAL = BigvganConfig()
SIZES: dict[str, Any] = {
    "width": 16,
    "rates": (4, 4, 4, 4),
    "kernels": (8, 8, 8, 8),
    "block_kernels": (3,),
    "block_dilations": ((3,),),
}
TOY = BigvganConfig(**SIZES)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream; the official 24 kHz model."""
    return {
        w.name: w
        for w in (
            decoding("shortest", _random, 1, 1),
            decoding("typical", _random, 1, 500),
            decoding("longest", _random, 1, 5625),
            decoding("batch", _random, 4, 200),
            streaming(_random, 500, 160),
            training(_task, {"model": SIZES, "loss": {"discriminator_width": 0.05}}),
        )
    }


def _random(full: bool) -> Bigvgan:
    return Bigvgan(OFFICIAL if full else TOY, BIGVGAN_24K)


def _task(tables: Tables) -> AdversarialTask:
    from vivavoce.vocoders.bigvgan.train import build_task

    return build_task(tables)
