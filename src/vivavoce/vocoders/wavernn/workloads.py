"""Named pieces of WaveRNN's work at stated sizes. Weights are random."""

from __future__ import annotations

from functools import partial

from vivavoce.vocoders.wavernn.config import WavernnConfig
from vivavoce.vocoders.wavernn.model import Wavernn
from vivavoce.vocoders.work import usual

TOY = WavernnConfig(4, 4, 2, hints=4, hint_width=4, hint_blocks=1, fold=100, overlap=10)

workloads = partial(usual, Wavernn, WavernnConfig(), TOY)
