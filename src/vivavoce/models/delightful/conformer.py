"""The conformer of encoder and decoder (DelightfulTTS, section 2.2).

Shapes: B batch, T steps, C channels, H heads, D speaker; x `[B, T, C]`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.delightful.config import ConformerSizes
from vivavoce.nn.convolution import ShortConv


class SeparableConv(nn.Module):
    """A convolution of one tap, then one of every channel by itself (arXiv:2003.13549)."""

    def __init__(self, width_in: int, width: int, kernel: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv1d(width_in, width, 1)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` `[B, T, 1]` is 1 where a step is real; without one all are."""
        y = self.pointwise(x.transpose(1, 2))
        return self.depthwise(y if mask is None else y * mask.transpose(1, 2)).transpose(1, 2)


class SpeakerGate(nn.Module):
    """What a speaker adds, through a gate (Ping 2018, arXiv:1710.07654, figure 4)."""

    def __init__(self, width: int, kernel: int, speaker_width: int) -> None:
        super().__init__()
        self.conv = SeparableConv(width, 2 * width, kernel)
        self.speaker = nn.Linear(speaker_width, width)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        signal, gate = self.conv(x).chunk(2, 2)
        signal = signal + F.softsign(self.speaker(speaker))[:, None]
        return (signal * gate.sigmoid() + x) * math.sqrt(0.5)


class HalfFeedForward(nn.Module):
    """A norm and two layers, four times as wide between them; half of it is added."""

    def __init__(self, width: int, slope: float) -> None:
        super().__init__()
        self.slope, self.norm = slope, nn.LayerNorm(width)
        self.expand = ShortConv(width, 4 * width, 3)
        self.contract = nn.Conv1d(4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.expand(self.norm(x)), self.slope)
        return 0.5 * self.contract(y.transpose(1, 2)).transpose(1, 2)


class ConvModule(nn.Module):
    """A gate, a convolution of every channel by itself, a norm over all of the row."""

    def __init__(self, width: int, kernel: int, slope: float) -> None:
        super().__init__()
        self.slope, self.norm_1 = slope, nn.LayerNorm(width)
        self.expand = nn.Conv1d(width, 4 * width, 1)
        inner = 2 * width
        self.depthwise = nn.Conv1d(inner, inner, kernel, padding=kernel // 2, groups=inner)
        self.norm_2 = nn.GroupNorm(1, inner)
        self.contract = nn.Conv1d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        signal, gate = self.expand(self.norm_1(x).transpose(1, 2)).chunk(2, 1)
        y = self.depthwise(signal * F.leaky_relu(gate, self.slope))
        return self.contract(F.leaky_relu(self.norm_2(y), self.slope)).transpose(1, 2)


class ShiftedAttention(nn.Module):
    """Attention with the relative positions of Transformer-XL (arXiv:1901.02860, section 3.3).

    The table is of places, not of distances, and scores are divided by the root of the whole
    width: the weights know both.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.position = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width)
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, width // heads))
        self.position_bias = nn.Parameter(torch.zeros(heads, 1, width // heads))

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """One row `[1, T, C]`, and the table of places `[T, C]`."""
        q, k, v = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        p = self._split(self.position(places)[None])
        scores = (q + self.content_bias) @ k.transpose(2, 3)
        scores = scores + shifted((q + self.position_bias) @ p.transpose(2, 3))
        weights = (scores / math.sqrt(x.shape[2])).softmax(3)
        return self.output((weights @ v).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # [1, H, T, C/H]


def shifted(scores: Tensor) -> Tensor:
    """`[1, H, T, T]` by place to by distance: row i begins with the place T - 1 - i."""
    length = scores.shape[3]
    padded = F.pad(scores, (1, 0)).flatten(2)
    return padded[..., length:].unflatten(2, (length, length))


class ConformerBlock(nn.Module):
    """Half a feed-forward, a convolution, attention and another convolution, each added."""

    def __init__(self, width: int, sizes: ConformerSizes, slope: float, speakers: int) -> None:
        super().__init__()
        self.speaker = SpeakerGate(width, sizes.kernel, speakers) if speakers else None
        self.feed_forward = HalfFeedForward(width, slope)
        self.conv_1 = ConvModule(width, sizes.kernel, slope)
        self.norm = nn.LayerNorm(width)
        self.attention = ShiftedAttention(width, sizes.heads)
        self.conv_2 = ConvModule(width, sizes.kernel, slope)

    def forward(self, x: Tensor, places: Tensor, speaker: Tensor | None) -> Tensor:
        if self.speaker is not None and speaker is not None:
            x = self.speaker(x, speaker)
        x = x + self.feed_forward(x)
        x = x + self.conv_1(x)
        x = x + self.attention(self.norm(x), places)
        return x + self.conv_2(x)


class Conformer(nn.Module):
    """Blocks. A row's norms and places depend on its length, so every row is computed alone."""

    def __init__(self, width: int, sizes: ConformerSizes, slope: float, speakers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            ConformerBlock(width, sizes, slope, speakers) for _ in range(sizes.layers)
        )

    def forward(self, x: Tensor, lengths: Sequence[int], speaker: Tensor | None) -> Tensor:
        """`[B, T, C]` with rows of `lengths`, and speakers `[B, D]`; zeros behind a row."""
        rows = []
        for number, length in enumerate(lengths):
            row = x[number : number + 1, :length]
            own = None if speaker is None else speaker[number : number + 1]
            places = sinusoids(length, x.shape[2], x.device).to(x.dtype)
            for layer in self.layers:
                row = layer(row, places, own)
            rows.append(row[0])
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def sinusoids(length: int, width: int, device: torch.device) -> Tensor:
    """`[T, C]`, sines and cosines in turn (Vaswani 2017, section 3.5)."""
    steps = torch.arange(length, device=device).float()[:, None]
    even = torch.arange(0, width, 2, device=device).float()
    angles = steps * torch.exp(even * -(math.log(10_000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)
