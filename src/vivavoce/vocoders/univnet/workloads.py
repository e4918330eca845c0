"""Named pieces of UnivNet's work at stated sizes. Weights are random."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.audio.specs import TORTOISE_24K
from vivavoce.types import Workload
from vivavoce.vocoders.univnet.config import UnivnetConfig
from vivavoce.vocoders.univnet.model import Univnet
from vivavoce.vocoders.work import decoding, usual

TOY = UnivnetConfig(noise=4, width=4, layers=2, kernel_width=4)
TORTOISE_FRAMES = 2176
"""Of Tortoise's longest utterance, 23 s."""


def workloads() -> dict[str, Workload]:
    """The usual ones, and Tortoise's layout."""
    mirrored = decoding("mirrored", _mirrored, 1, TORTOISE_FRAMES)
    return {**usual(Univnet, UnivnetConfig(), TOY), mirrored.name: mirrored}


def _mirrored(full: bool) -> Univnet:
    spec = TORTOISE_24K if full else replace(TORTOISE_24K, n_mels=8)
    return Univnet(replace(UnivnetConfig() if full else TOY, mirrored=True), spec)
