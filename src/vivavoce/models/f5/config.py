"""What an F5 or E2 checkpoint is, and how one is asked to speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from vivavoce.errors import ConfigError
from vivavoce.options import Opt, Options


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
class F5Options(Options):
    """How to speak.

    5, 6, 7, 10, 12 and 16 `steps` use the pruned grids of arXiv:2505.19931 unless `pruned` is off.
    `sway` bends the time grid towards the noise (arXiv:2410.06885, 3.2).
    """

    steps: Annotated[
        int, Opt("Solver steps; fewer are faster, more are more accurate.", 1, 1000)
    ] = 16
    method: Annotated[
        Literal["euler", "midpoint"], Opt("ODE solver; midpoint evaluates the model twice a step.")
    ] = "euler"
    guidance: Annotated[
        float, Opt("Classifier-free guidance scale; 0 disables it and halves the time.", 0, 20)
    ] = 2.0
    sway: Annotated[
        float, Opt("Sway sampling coefficient; 0 is a uniform time grid.", -1, 1)
    ] = -1.0
    pruned: Annotated[bool, Opt("Use a uniform time grid in place of a pruned one.")] = True
    speed: Annotated[
        float, Opt("Speaking rate; 1 is the rate of the reference.", 0.2, 5, common=True)
    ] = 1.0
    duration_s: Annotated[
        float,
        Opt("Length of every chunk; 0 is automatic.", 0, 60, flag="--duration", metavar="SECONDS"),
    ] = 0.0
    normalise: Annotated[bool, Opt("Leave numbers and dates as they are written.")] = True
    low_memory: Annotated[
        bool, Opt("Free the time-conditioning weights; steps are then fixed.")
    ] = False


OPTIONS = F5Options
