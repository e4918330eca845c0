"""The architecture of a feed-forward model, and the options of a generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vivavoce.options import Options

Kind = Literal["transformer", "residual", "relative", "wavenet"]


@dataclass(frozen=True)
class StackSizes:
    """The encoder or the decoder.

    `transformer`: `layers` of attention with `heads` and a feed-forward of `inner` channels.
    `residual`: a block of `convolutions` for each of `dilations`. `relative` (encoder): a
    transformer with learned positions in a window of `window` tokens, behind residual blocks.
    `wavenet` (decoder): `blocks` of `layers` gated layers of `inner` channels, dilated by the
    powers of `dilation_rate`. `kernel` counts taps.
    """

    kind: Kind = "transformer"
    layers: int = 6
    heads: int = 1
    inner: int = 1024
    kernel: int = 3
    dilations: tuple[int, ...] = ()
    convolutions: int = 2
    window: int | None = None
    blocks: int = 1
    dilation_rate: int = 1

    def __post_init__(self) -> None:
        sizes = (self.layers, self.heads, self.inner, self.kernel, self.convolutions, self.blocks)
        if min(*sizes, self.dilation_rate, *self.dilations) < 1:
            raise ValueError("every size must be at least 1")
        if max(self.layers, len(self.dilations), self.blocks, self.convolutions) > 1000:
            raise ValueError("there must be at most 1000 layers")


@dataclass(frozen=True)
class PredictorSizes:
    """Two convolutions of `kernel` taps and `width` channels; `embedding` taps lead back."""

    width: int = 256
    kernel: int = 3
    embedding: int = 3

    def __post_init__(self) -> None:
        if min(self.width, self.kernel, self.embedding) < 1:
            raise ValueError("every size must be at least 1")
        if self.kernel % 2 == 0 or self.embedding % 2 == 0:
            raise ValueError("kernel and embedding must be odd")


@dataclass(frozen=True)
class FastPitchConfig:
    """Defaults are FastPitch's.

    `pitch` and `energy` are predicted where they are given. `durations` by convolutions with
    batch norms (`duration_batch_norm`) have the kernels of AlignTTS. `positions`: how many frames
    sinusoids tell apart, 0 for none.
    """

    n_tokens: int
    n_mels: int = 80
    width: int = 384
    encoder: StackSizes = field(default_factory=StackSizes)
    decoder: StackSizes = field(default_factory=StackSizes)
    durations: PredictorSizes = field(default_factory=PredictorSizes)
    duration_batch_norm: bool = False
    pitch: PredictorSizes | None = None
    energy: PredictorSizes | None = None
    positions: int = 5000
    n_speakers: int = 0

    def __post_init__(self) -> None:
        for name, stack in (("encoder", self.encoder), ("decoder", self.decoder)):
            attends = stack.kind in ("transformer", "relative")
            if attends and self.width % stack.heads:
                raise ValueError(f"width must be a multiple of {name}.heads")
        if self.encoder.kind == "wavenet" or self.decoder.kind == "relative":
            raise ValueError("the encoder cannot be 'wavenet', nor the decoder 'relative'")


@dataclass(frozen=True)
class FastPitchOptions(Options):
    """Generation options."""


OPTIONS = FastPitchOptions
