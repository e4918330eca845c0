"""The encoders and decoders that a configuration chooses among; each is `(x, mask) -> x`.

Shapes as in `blocks.py`; a decoder's result is the mel `[B, M, T]`.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from vivavoce.models.fastpitch.blocks import NormedStack, ResidualBlocks, Transformer
from vivavoce.models.fastpitch.config import StackSizes
from vivavoce.nn.transformer import EncoderLayer
from vivavoce.nn.wavenet import WaveNet


def encoder(width: int, sizes: StackSizes) -> nn.Module:
    if sizes.kind == "residual":
        return ResidualEncoder(width, sizes)
    if sizes.kind == "relative":
        return RelativeEncoder(width, sizes)
    return Transformer(width, sizes.layers, sizes.heads, sizes.inner, sizes.kernel)


def decoder(width: int, n_mels: int, sizes: StackSizes) -> nn.Module:
    if sizes.kind == "residual":
        return ResidualDecoder(width, n_mels, sizes)
    if sizes.kind == "wavenet":
        return WaveNetDecoder(width, n_mels, sizes)
    return TransformerDecoder(width, n_mels, sizes)


class ResidualEncoder(nn.Module):
    """SpeedySpeech's: residual blocks between convolutions of one tap."""

    def __init__(self, width: int, sizes: StackSizes) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 1)
        self.residual = ResidualBlocks(width, sizes.kernel, sizes.dilations, sizes.convolutions)
        self.middle = nn.Conv1d(width, width, 1)
        self.last = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.residual(torch.relu(self.first(x)) * mask, mask)
        return self.last(torch.relu(self.middle(y + x))) * mask


class RelativeEncoder(nn.Module):
    """Residual blocks, then the transformer of Glow-TTS."""

    def __init__(self, width: int, sizes: StackSizes) -> None:
        super().__init__()
        self.residual = ResidualBlocks(width, 5, (1, 1, 1), 1)
        self.layers = nn.ModuleList(
            EncoderLayer(width, sizes.heads, sizes.inner, sizes.kernel, sizes.window, 0.1)
            for _ in range(sizes.layers)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.residual(x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        return x * mask


class TransformerDecoder(nn.Module):
    """FastPitch's: the encoder's layers over frames, and one linear layer."""

    def __init__(self, width: int, n_mels: int, sizes: StackSizes) -> None:
        super().__init__()
        self.transformer = Transformer(width, sizes.layers, sizes.heads, sizes.inner, sizes.kernel)
        self.last = nn.Conv1d(width, n_mels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.last(self.transformer(x, mask)) * mask


class ResidualDecoder(nn.Module):
    """SpeedySpeech's: residual blocks, and two more convolutions of four taps behind them."""

    def __init__(self, width: int, n_mels: int, sizes: StackSizes) -> None:
        super().__init__()
        self.residual = ResidualBlocks(width, sizes.kernel, sizes.dilations, sizes.convolutions)
        self.middle = nn.Conv1d(width, width, 1)
        self.tail = NormedStack(width, 4, 1, sizes.convolutions)
        self.last = nn.Conv1d(width, n_mels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.middle(self.residual(x, mask)) + x
        return self.last(self.tail(y, mask)) * mask


class WaveNetDecoder(nn.Module):
    """Gated dilated convolutions and four convolutions of one tap."""

    def __init__(self, width: int, n_mels: int, sizes: StackSizes) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, sizes.inner, 1)
        self.blocks = nn.ModuleList(
            WaveNet(sizes.inner, sizes.kernel, sizes.layers, sizes.dilation_rate)
            for _ in range(sizes.blocks)
        )
        widths = (sizes.inner, width, width, width, n_mels)
        self.tail = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in pairwise(widths))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.first(x) * mask
        for block in self.blocks:
            x = block(x, mask)
        for layer in list(self.tail)[:-1]:
            x = torch.relu(layer(x))
        return self.tail[-1](x) * mask
