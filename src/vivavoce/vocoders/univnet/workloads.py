"""Named pieces of UnivNet's work at stated sizes. Weights are random."""

from __future__ import annotations

from vivavoce.audio.specs import COQUI_22K
from vivavoce.types import Workload
from vivavoce.vocoders.univnet.config import UnivnetConfig
from vivavoce.vocoders.univnet.model import Univnet
from vivavoce.vocoders.work import usual

TOY = UnivnetConfig(noise=4, width=4, layers=2, kernel_width=4)


def workloads() -> dict[str, Workload]:
    return usual(lambda full: Univnet(UnivnetConfig() if full else TOY, COQUI_22K), 86.13)
