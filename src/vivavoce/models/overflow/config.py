"""The architecture of a neural HMM, and the options of a generation. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vivavoce.nn.glow_config import GlowFlowConfig
from vivavoce.options import Opt, Options


@dataclass(frozen=True)
class HmmConfig:
    """`states` hidden states for every token. Widths are channel counts.

    `order` frames are fed back; `outputs` are the widths of the network that gives the
    distribution of a frame, whose deviations are at least `std_floor`. Where `sampled_moves` is
    off, a state is left once the probability of having stayed is below the option
    `duration_threshold`. With `flow` it is OverFlow.
    """

    n_tokens: int
    n_mels: int = 80
    width: int = 512
    states: int = 2
    memory: int = 1024
    order: int = 1
    prenet: tuple[int, ...] = (256, 256)
    prenet_bias: bool = False
    dropout_at_inference: bool = False
    outputs: tuple[int, ...] = (1024,)
    std_floor: float = 0.001
    sampled_moves: bool = False
    flow: GlowFlowConfig | None = None

    def __post_init__(self) -> None:
        if self.width * self.states % 2:
            raise ValueError("width * states must be even")
        if not 1 <= self.order <= 100:
            raise ValueError("order must be from 1 to 100")


@dataclass(frozen=True)
class HmmOptions(Options):
    """Generation options."""

    temperature: Annotated[float, Opt("Sampling temperature; 0 is deterministic.", 0, 5)] = 0.0
    duration_threshold: Annotated[
        float, Opt("Duration quantile at which a state ends; higher speaks faster.", 0.01, 0.99)
    ] = 0.43


OPTIONS = HmmOptions
