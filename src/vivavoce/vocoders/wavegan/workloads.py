"""Named pieces of Parallel WaveGAN's work at stated sizes. Weights are random."""

from __future__ import annotations

from functools import partial

from vivavoce.vocoders.wavegan.config import WaveganConfig
from vivavoce.vocoders.wavegan.model import Wavegan
from vivavoce.vocoders.work import usual

TOY = WaveganConfig(width=4, gate=8, skip=4, layers=3)

workloads = partial(usual, Wavegan, WaveganConfig(), TOY)
