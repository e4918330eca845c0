"""The architecture of a parallel acoustic model, and the options of a generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Block = Literal["attention", "convnext"]


@dataclass(frozen=True)
class StackConfig:
    """A stack of equal blocks. `width` and `hidden` are channel counts.

    `attention`: self-attention, then a ConvNeXt block; `convnext`: the latter alone.
    `kernel` is the reach of the depthwise convolution, in steps.
    """

    block: Block = "convnext"
    width: int = 192
    hidden: int = 576
    layers: int = 4
    kernel: int = 7
    heads: int = 2

    def __post_init__(self) -> None:
        if self.block == "attention" and self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        if self.kernel % 2 == 0:
            raise ValueError("kernel must be odd")


@dataclass(frozen=True)
class ForwardConfig:
    """Tokens -> durations, pitch, mel, all in one pass.

    `reduction`: frames that one step of the decoder and of the pitch predictor makes.
    """

    n_tokens: int
    n_mels: int = 100
    encoder: StackConfig = field(default_factory=lambda: StackConfig("attention", kernel=5))
    pitch: StackConfig = field(default_factory=lambda: StackConfig(layers=3))
    decoder: StackConfig = field(default_factory=lambda: StackConfig("convnext", 320, 960, 5))
    duration_width: int = 192
    reduction: int = 2

    def __post_init__(self) -> None:
        if self.reduction < 1:
            raise ValueError("reduction must be at least 1")


@dataclass(frozen=True)
class ForwardOptions:
    """`speed` 1.0 is natural, larger is faster; `pitch` raises the voice by so many semitones."""

    speed: float = 1.0
    pitch: float = 0.0

    def __post_init__(self) -> None:
        if not 0.25 <= self.speed <= 4:
            raise ValueError("speed must lie between 0.25 and 4")
        if not -12 <= self.pitch <= 12:
            raise ValueError("pitch must lie between -12 and 12 semitones")


OPTIONS = ForwardOptions
