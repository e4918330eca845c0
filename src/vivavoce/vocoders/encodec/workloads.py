"""Named pieces of EnCodec's work at stated sizes. Weights are random."""

from __future__ import annotations

from functools import partial

from vivavoce.audio.specs import ENCODEC_24K
from vivavoce.vocoders.encodec.config import EncodecConfig
from vivavoce.vocoders.encodec.model import Encodec
from vivavoce.vocoders.work import usual

TOY = EncodecConfig(codes=64, hidden=8, width=4)

workloads = partial(usual, Encodec, EncodecConfig(), TOY, ENCODEC_24K, ENCODEC_24K)
