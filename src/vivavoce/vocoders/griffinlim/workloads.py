"""Named pieces of Griffin-Lim's work at stated sizes; the toy has fewer iterations and bins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from vivavoce.audio.specs import COQUI_22K
from vivavoce.vocoders.griffinlim.config import GriffinLimConfig
from vivavoce.vocoders.griffinlim.model import GriffinLim
from vivavoce.vocoders.work import usual

TOY = GriffinLimConfig(iterations=2)
TOY_SPEC = replace(COQUI_22K, n_fft=512, win_length=512, n_mels=20)

workloads = partial(usual, GriffinLim, GriffinLimConfig(), TOY, toy_spec=TOY_SPEC)
