"""EnCodec's decoder (Défossez et al., arXiv:2210.13438, section 3.1).

Shapes: B batch, Q codebooks, T frames, H width of a code, C channels, S samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.specs import ENCODEC_24K
from vivavoce.errors import ConfigError, UsageError
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Preparation, Vocoder, require_hop
from vivavoce.vocoders.encodec.config import BLOCK_KERNEL, EDGE_KERNEL, EncodecConfig

LSTMState = tuple[Tensor, Tensor]


def mirrored(x: Tensor, before: int) -> Tensor:
    """`[B, C, T]` with its first steps mirrored before it; zeros are mirrored where it is short."""
    spare = max(0, before + 1 - x.shape[-1])
    padded = F.pad(F.pad(x, (0, spare)), (before, 0), mode="reflect")
    return padded[..., : padded.shape[-1] - spare]


class CausalConv(nn.Conv1d):
    """A convolution that hears no later step."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return super().forward(mirrored(input, self.kernel_size[0] - 1))


class EncodecStage(nn.Module):
    """An upsampling to half the channels, and a residual block."""

    def __init__(self, width: int, rate: int) -> None:
        super().__init__()
        half = width // 2
        self.upsample = nn.ConvTranspose1d(width, half, 2 * rate, rate)
        self.narrow = CausalConv(half, half // 2, BLOCK_KERNEL)
        self.wide, self.shortcut = nn.Conv1d(half // 2, half, 1), nn.Conv1d(half, half, 1)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        x = self.upsample(F.elu(x))[..., : x.shape[-1] * self.rate]
        return self.shortcut(x) + self.wide(F.elu(self.narrow(F.elu(x))))


class FramesHeard(Preparation):
    """What the LSTM makes of all frames so far; it waits for those that are mirrored at first."""

    def __init__(self, vocoder: Encodec) -> None:
        self.vocoder = vocoder
        self.held: Tensor | None = None  # codes not given out, behind those still to be heard
        self.state: LSTMState | None = None

    def push(self, part: Tensor) -> Iterator[Tensor]:
        held = part if self.held is None else torch.cat([self.held, part], -1)
        self.held = held
        if part.shape[-1] and held.shape[-1] >= EDGE_KERNEL:
            yield self._heard(held)

    def finish(self) -> Iterator[Tensor]:
        if self.state is None and self.held is not None and self.held.shape[-1]:
            yield self._heard(self.held)

    def _heard(self, codes: Tensor) -> Tensor:
        x = self.vocoder.embedded(codes)
        x = mirrored(x, EDGE_KERNEL - 1) if self.state is None else x
        heard, self.state = self.vocoder.heard(x, self.state)
        self.held = codes[..., 1 - EDGE_KERNEL :]
        return heard


class Encodec(Vocoder):
    """Codes `[B, Q, T]` to samples `[B, T * hop]`. Raises ConfigError for features of other sizes.

    The LSTM has heard every earlier frame, so it works in `preparation`; `decode` gets `[B, C, T]`.
    """

    config_type = EncodecConfig
    default_features = ENCODEC_24K

    def __init__(self, config: EncodecConfig, spec: FeatureSpec) -> None:
        super().__init__()
        require_hop("EnCodec", config.hop_length, spec)
        if spec.n_channels != config.books:
            raise ConfigError(
                f"This EnCodec has {config.books} codebooks, its features {spec.n_channels}.",
                "Use features with one code per codebook.",
            )
        self.config, self.accepts = config, spec
        self.receptive_field = config.receptive_field
        c, widest = config, config.widest
        self.codebooks = nn.Parameter(torch.empty(c.books, c.codes, c.hidden))
        nn.init.normal_(self.codebooks)
        self.first = nn.Conv1d(c.hidden, widest, EDGE_KERNEL)
        self.lstm = nn.LSTM(widest, widest, c.lstm_layers)
        self.stages = nn.ModuleList(
            EncodecStage(widest >> number, rate) for number, rate in enumerate(c.rates)
        )
        self.last = CausalConv(c.width, 1, EDGE_KERNEL)

    def embedded(self, codes: Tensor) -> Tensor:
        """Codes `[B, Q, T]` to the sum of their vectors, `[B, H, T]`."""
        numbers = codes.round().long().clamp(0, self.config.codes - 1)
        parts = [F.embedding(numbers[:, n], book) for n, book in enumerate(self.codebooks)]
        return torch.stack(parts).sum(0).transpose(1, 2)

    def heard(self, x: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Vectors `[B, H, 6 + T]` to `[B, C, T]`, and the LSTM's state behind them."""
        x = self.first(x).permute(2, 0, 1)
        y, behind = self.lstm(x, state)
        return (x + y).permute(1, 2, 0), behind

    def preparation(self) -> FramesHeard:
        return FramesHeard(self)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None:
            raise UsageError("EnCodec accepts no speaker vector.")
        x = features
        for stage in self.stages:
            x = stage(x)
        return self.last(F.elu(x))[:, 0].float()
