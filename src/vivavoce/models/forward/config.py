"""The architecture of a parallel acoustic model, and the options of a generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from vivavoce.options import Opt, Options

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
class ForwardOptions(Options):
    """Generation options."""

    pitch: Annotated[float, Opt("Pitch shift in semitones; below 0 lowers the voice.", -12, 12)] = (
        0.0
    )


OPTIONS = ForwardOptions
