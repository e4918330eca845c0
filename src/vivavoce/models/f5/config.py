"""What an F5 or E2 checkpoint is, and how one is asked to speak. Values only: knows no tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vivavoce.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class F5Config:
    """Architecture. The defaults are F5-TTS v1 Base.

    `n_tokens` counts vocabulary entries; the embedding has one row more, the filler. Files of v0
    and v1 have the same names and shapes and differ only in `mask_text` (padding of the text is
    zeroed between its layers) and `rotary_heads` (0: every head is rotated, else only the first
    so many). `stretch_text` spreads the encoded text evenly over the utterance. `skip` is how
    E2's later half takes in its earlier half.
    """

    backbone: Literal["dit", "unett"] = "dit"
    dim: int = 1024
    depth: int = 22
    heads: int = 16
    head_dim: int = 64
    ff_mult: int = 2
    text_dim: int = 512
    text_layers: int = 4
    n_tokens: int = 2545
    mask_text: bool = True
    rotary_heads: int = 0
    qk_norm: bool = False
    long_skip: bool = False
    stretch_text: bool = False
    skip: Literal["concat", "add"] = "concat"
    n_mels: int = 100

    def __post_init__(self) -> None:
        sizes = (self.dim, self.depth, self.heads, self.head_dim, self.ff_mult, self.n_tokens)
        if min(sizes) < 1 or self.head_dim % 2 or self.dim % 16:
            raise ConfigError(f"These sizes do not make an F5 model: {sizes}.")
        if self.stretch_text and not self.mask_text:
            raise ConfigError("stretch_text needs mask_text: it must know where the text ends.")
        if self.backbone == "unett" and self.depth % 2:
            raise ConfigError(f"An E2 model has two equal halves; its depth is {self.depth}.")


@dataclass(frozen=True, kw_only=True)
class F5Options:
    """How to speak.

    `steps` of the `method`; 5, 6, 7, 10, 12 and 16 use the pruned grids of arXiv:2505.19931
    unless `pruned` is off. `guidance` is how far to go beyond the conditioned flow (0: one pass
    instead of two). `sway` bends the time grid towards the noise (arXiv:2410.06885, 3.2; 0 leaves
    it straight). `speed` 1.0 is the reference's own, larger is faster. `duration_s` fixes the
    length of every chunk of speech, 0 leaves it to the rate of the reference. `normalise` writes
    English numbers, dates and the like out as words. `low_memory` lets go of the weights that
    only the schedule needs, so another number of steps means loading the model again.
    """

    steps: int = 16
    method: Literal["euler", "midpoint"] = "euler"
    guidance: float = 2.0
    sway: float = -1.0
    pruned: bool = True
    speed: float = 1.0
    duration_s: float = 0.0
    normalise: bool = True
    low_memory: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise ConfigError(f"steps is {self.steps}; it must be from 1 to 1000.")
        if not 0.0 <= self.guidance <= 20.0:
            raise ConfigError(f"guidance is {self.guidance}; it must be from 0 to 20.")
        if not -1.0 <= self.sway <= 1.0:
            raise ConfigError(f"sway is {self.sway}; it must be from -1 to 1.")
        if not 0.2 <= self.speed <= 5.0:
            raise ConfigError(f"speed is {self.speed}; it must be from 0.2 to 5.")
        if not 0.0 <= self.duration_s <= 60.0:
            raise ConfigError(f"duration_s is {self.duration_s}; it must be from 0 to 60.")


OPTIONS = F5Options
