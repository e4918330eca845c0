"""Named pieces of UnivNet's work at stated sizes. Weights are random."""

from __future__ import annotations

from functools import partial

from vivavoce.vocoders.univnet.config import UnivnetConfig
from vivavoce.vocoders.univnet.model import Univnet
from vivavoce.vocoders.work import usual

TOY = UnivnetConfig(noise=4, width=4, layers=2, kernel_width=4)

workloads = partial(usual, Univnet, UnivnetConfig(), TOY)
