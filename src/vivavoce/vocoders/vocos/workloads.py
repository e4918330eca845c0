"""Named pieces of Vocos' work at stated sizes. Weights are random."""

from __future__ import annotations

from vivavoce.types import FeatureSpec, Workload
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.adversarial.work import Tables, training
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos
from vivavoce.vocoders.work import decoding, streaming

SIZES = {"dim": 32, "hidden_dim": 64, "n_layers": 2}
TOY = VocosConfig(**SIZES)


def workloads() -> dict[str, Workload]:
    """Shortest, typical, longest (60 s), a batch, a stream and one training step."""
    return {
        w.name: w
        for w in (
            decoding("shortest", _random, 1, 2),
            decoding("typical", _random, 1, 563),
            decoding("longest", _random, 1, 5625),
            decoding("batch", _random, 8, 563),
            streaming(_random, 563, 128),
            training(_task, {"model": SIZES, "loss": {"discriminator_width": 0.05}}),
        )
    }


def _random(full: bool) -> Vocos:
    return Vocos(VocosConfig() if full else TOY, FeatureSpec())


def _task(tables: Tables) -> AdversarialTask:
    from vivavoce.vocoders.vocos.train import build_task

    return build_task(tables)
