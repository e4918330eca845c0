"""Named pieces of EnCodec's work at stated sizes. Weights are random."""

from __future__ import annotations

from functools import partial

from vivavoce.vocoders.encodec.config import EncodecConfig
from vivavoce.vocoders.encodec.model import CODES_24K, Encodec
from vivavoce.vocoders.work import usual

TOY = EncodecConfig(codes=64, hidden=8, width=4)

workloads = partial(usual, Encodec, EncodecConfig(), TOY, CODES_24K, CODES_24K)
