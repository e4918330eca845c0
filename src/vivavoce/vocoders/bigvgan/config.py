"""Sizes of a BigVGAN generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vivavoce.vocoders.generator_config import GeneratorConfig


@dataclass(frozen=True)
class BigvganConfig(GeneratorConfig):
    """The second version's generator at 24 kHz.

    `activation` is x + sin²(αx)/β ("snakebeta") or has α in the place of β ("snake"); with
    `log_scale` the weights are their logarithms. `last` bounds the samples.
    """

    width: int = 1536
    rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    kernels: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    activation: Literal["snake", "snakebeta"] = "snakebeta"
    log_scale: bool = True
    output_bias: bool = False
    last: Literal["clamp", "tanh"] = "clamp"

    activation_reach: ClassVar[int] = 5  # through both of its filters
