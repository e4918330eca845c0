"""The architecture of a Tacotron, and the options of a generation. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vivavoce.options import Options


@dataclass(frozen=True)
class AttentionConfig:
    """`location`: additive, with or without features of the earlier weights (`location`), forward
    attention (`forward_attention`, with a transition `agent` or the `forward_mask`) and a `window`.
    `dynamic`: dynamic convolutions. `graves`: a mixture of `heads` that only moves forward.
    """

    kind: Literal["location", "dynamic", "graves"] = "location"
    width: int = 128
    filters: int = 32
    kernel: int = 31
    location: bool = True
    norm: Literal["softmax", "sigmoid"] = "sigmoid"
    forward_attention: bool = False
    forward_mask: bool = False
    agent: bool = False
    window: bool = False
    heads: int = 5


@dataclass(frozen=True)
class StyleConfig:
    """The reference encoder of a style vector of `width`.

    `tokens`: global style tokens, attended to by `heads`. `capacitron`: a variational posterior,
    with a summary of the text that is `summary` wide (0: without).
    """

    kind: Literal["tokens", "capacitron"]
    width: int = 256
    channels: tuple[int, ...] = (32, 32, 64, 64, 128, 128)
    recurrent: int = 128
    n_tokens: int = 10
    heads: int = 4
    summary: int = 0


@dataclass(frozen=True)
class TacotronConfig:
    """`generation` 2 (default) or 1: see `decoder.py`. Widths are channel counts.

    A step makes `r` frames; the layers have room for `r_init`, with which training began.
    `memory` frames are fed back (generation 1 with a queue), else the last. `bank`, `post_bank`
    and `n_linear` are of generation 1, whose result is a linear spectrum.
    """

    n_tokens: int
    n_mels: int = 80
    generation: Literal[1, 2] = 2
    width: int = 512
    r: int = 1
    r_init: int = 1
    prenet: tuple[int, ...] = (256, 256)
    prenet_bias: bool = False
    prenet_dropout: bool = True
    dropout_at_inference: bool = False
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    query: int = 1024
    hidden: int = 1024
    postnet: int = 512
    n_speakers: int = 0
    speaker_width: int = 0
    style: StyleConfig | None = None
    encoder_prenet: tuple[int, ...] = (256, 128)
    bank: int = 16
    post_bank: int = 8
    post_width: int = 128
    memory: int = 0
    n_linear: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.r <= self.r_init:
            raise ValueError(f"r must be from 1 to r_init, which is {self.r_init}")
        if max(self.bank, self.post_bank, self.r_init, self.memory) > 1000:
            raise ValueError("bank, post_bank, r_init and memory must be at most 1000")
        if self.generation == 1 and not self.n_linear:
            raise ValueError("generation 1 needs n_linear")
        if self.n_speakers and not self.speaker_width:
            raise ValueError("n_speakers needs a speaker_width")

    @property
    def encoded(self) -> int:
        """Width of the encoder's result alone: of generation 1 both directions of its GRU."""
        return self.width if self.generation == 2 else 2 * self.encoder_prenet[-1]

    @property
    def memory_width(self) -> int:
        """Width of what the attention reads: text, style and speaker."""
        style = self.style.width if self.style else 0
        return self.encoded + style + self.speaker_width


@dataclass(frozen=True)
class TacotronOptions(Options):
    """Generation options."""


OPTIONS = TacotronOptions
