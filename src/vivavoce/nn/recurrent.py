"""Layers that Tacotron and the neural HMMs share: convolutions over tokens, a BiLSTM, a prenet.

Batch norms are folded into the layer before them when a checkpoint is read
(`checkpoints/folding.py`). Shapes: ids `[B, L]`, tokens `[B, L, C]`, one frame `[B, C]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.convolution import ShortConv
from vivavoce.runtime.arithmetic import Arithmetic

LSTMState = tuple[Tensor, Tensor]


class FusedLSTMCell(nn.Module):
    """An LSTM cell whose four gates are one product with the input and the state side by side.

    A step of one row reads every weight once: two products of half the size read no less, and
    start twice.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.gates: nn.Module = nn.Linear(width_in + width, 4 * width)
        self.dtype = torch.float32

    def forward(self, inputs: Sequence[Tensor], state: LSTMState) -> LSTMState:
        """The parts `[B, W]` of the input and the state (hidden, cell) to the next state."""
        hidden, cell = state
        seen = torch.cat([*inputs, hidden], -1).to(self.dtype)
        i, f, g, o = self.gates(seen).float().chunk(4, -1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell

    def freeze(self, arithmetic: Arithmetic) -> None:
        """Keeps the weights in a lower precision; in float32 they stay as they are."""
        self.dtype = arithmetic.dtype
        if arithmetic.int8 or self.dtype != torch.float32:
            self.gates = arithmetic.linear(self.gates, few_rows=True)


class ConvStack(nn.Module):
    """Convolutions of width 5 with an activation each; the last may have none.

    Its result depends on `halo` steps to either side.
    """

    def __init__(self, widths: Sequence[int], kernel: int = 5, linear_end: bool = False) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            ShortConv(width_in, width, kernel) for width_in, width in pairwise(widths)
        )
        self.tanh, self.halo = linear_end, len(self.convs) * (kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T]`: ReLU after each or, for a postnet, tanh after all but the last."""
        x = x.transpose(1, 2)
        for conv in self.convs[:-1]:
            x = conv(x).tanh() if self.tanh else conv(x).relu()
        x = self.convs[-1](x).transpose(1, 2)
        return x if self.tanh else x.relu()


class TokenEncoder(nn.Module):
    """Embedding, convolutions and a BiLSTM (Tacotron 2, section 2.2). One text at a time.

    `width_out` is that of both directions together.
    """

    def __init__(self, n_tokens: int, width: int, width_out: int, layers: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, width)
        self.convs = ConvStack([width] * (layers + 1))
        self.lstm = nn.LSTM(width, width_out // 2, batch_first=True, bidirectional=True)

    def forward(self, ids: Tensor) -> Tensor:
        """`[1, L]` to `[1, L, C]`."""
        x = self.convs(self.embedding(ids).transpose(1, 2)).transpose(1, 2)
        return self.lstm(x)[0]


class DropoutPrenet(nn.Module):
    """Two or so linear layers with ReLU that the last frame passes on its way in.

    `keep` are the dropout masks of every layer, with 0 for what is dropped and 2 for what is kept.
    """

    def __init__(self, width_in: int, widths: Sequence[int], bias: bool = True) -> None:
        super().__init__()
        sizes = pairwise([width_in, *widths])
        self.layers = nn.ModuleList(nn.Linear(a, b, bias) for a, b in sizes)

    def forward(self, x: Tensor, keep: Sequence[Tensor] = ()) -> Tensor:
        for number, layer in enumerate(self.layers):
            x = F.relu(layer(x))
            if keep:
                x = x * keep[number]
        return x
