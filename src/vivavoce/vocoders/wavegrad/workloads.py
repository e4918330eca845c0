"""Named pieces of WaveGrad's work at stated sizes. Weights are random."""

from __future__ import annotations

from functools import partial

from vivavoce.vocoders.wavegrad.config import WavegradConfig
from vivavoce.vocoders.wavegrad.model import Wavegrad
from vivavoce.vocoders.work import usual

TOY = WavegradConfig(8, 2, (2, 2, 2, 2), (2, 2, 2, 2, 2), steps=1)

workloads = partial(usual, Wavegrad, WavegradConfig(), TOY)
