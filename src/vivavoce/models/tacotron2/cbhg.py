"""Tacotron 1's CBHG: a bank of convolutions, highway layers, a bidirectional GRU.

Wang et al., arXiv:1703.10135, section 3.1; without the pooling over time, as Coqui has it.
Shapes: `[B, C, T]` in, `[B, T, C]` out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.nn.recurrent import DropoutPrenet


class Highway(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x).sigmoid()
        return self.change(x).relu() * gate + x * (1 - gate)


class CBHG(nn.Module):
    """`bank` convolutions of widths 1 to `bank`; `middle` is the width of the first projection."""

    def __init__(self, width_in: int, bank: int, width: int, middle: int) -> None:
        super().__init__()
        self.banks = nn.ModuleList(nn.Conv1d(width_in, width, n + 1) for n in range(bank))
        self.project = nn.ModuleList(
            nn.Conv1d(a, b, 3, padding=1) for a, b in ((bank * width, middle), (middle, width_in))
        )
        self.widen = nn.Linear(width_in, width, bias=False) if width_in != width else None
        self.highways = nn.ModuleList(Highway(width) for _ in range(4))
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        banks = [conv(F.pad(x, (n // 2, (n + 1) // 2))).relu() for n, conv in enumerate(self.banks)]
        first, second = self.project
        y = (second(first(torch.cat(banks, 1)).relu()) + x).transpose(1, 2)
        y = y if self.widen is None else self.widen(y)
        for highway in self.highways:
            y = highway(y)
        return self.gru(y)[0]


class CBHGEncoder(nn.Module):
    """Embedding, prenet, CBHG: ids `[1, L]` to `[1, L, E]`."""

    def __init__(self, n_tokens: int, width: int, prenet: tuple[int, ...], bank: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, width)
        self.prenet = DropoutPrenet(width, prenet)
        self.cbhg = CBHG(prenet[-1], bank, prenet[-1], prenet[-1])

    def forward(self, ids: Tensor) -> Tensor:
        return self.cbhg(self.prenet(self.embedding(ids)).transpose(1, 2))


class SpectrumPostnet(nn.Module):
    """Mel `[1, M, T]` to a linear spectrum `[1, F, T]`; every frame depends on all."""

    halo = None

    def __init__(self, n_mels: int, bank: int, width: int, n_linear: int) -> None:
        super().__init__()
        self.cbhg = CBHG(n_mels, bank, width, 2 * width)
        self.linear = nn.Linear(2 * width, n_linear)

    def forward(self, mel: Tensor) -> Tensor:
        return self.linear(self.cbhg(mel)).transpose(1, 2)
