"""Gated dilated convolutions over hidden frames: the couplings of Glow-TTS and VITS are made of it.

Shapes: hidden `[B, C, T]`, mask `[B, 1, T]` float or None when all frames are real,
condition `[B, G, 1]`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WaveNet(nn.Module):
    """Gated dilated convolutions with residual and skip paths (WaveGlow's non-causal WN).

    `dilation_rate` to the power of its number is a layer's dilation; `condition_width` 0 means
    that nobody tells who speaks.
    """

    def __init__(
        self,
        width: int,
        kernel: int,
        n_layers: int,
        dilation_rate: int = 1,
        condition_width: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = width
        dilations = [dilation_rate**i for i in range(n_layers)]
        self.inputs = nn.ModuleList(
            nn.Conv1d(width, 2 * width, kernel, dilation=d, padding=d * (kernel - 1) // 2)
            for d in dilations
        )
        self.outputs = nn.ModuleList(
            nn.Conv1d(width, width if i == n_layers - 1 else 2 * width, 1) for i in range(n_layers)
        )
        self.condition = (
            nn.Conv1d(condition_width, 2 * width * n_layers, 1) if condition_width else None
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        skip: Tensor | None = None
        cond = None
        if self.condition is not None and condition is not None:
            cond = self.condition(condition).chunk(len(self.inputs), 1)
        for i, (conv, output) in enumerate(zip(self.inputs, self.outputs, strict=True)):
            y = self.dropout(conv(x))
            if cond is not None:
                y = y + cond[i]
            y = output(torch.tanh(y[:, : self.width]) * torch.sigmoid(y[:, self.width :]))
            if i < len(self.inputs) - 1:
                x = masked(x + y[:, : self.width], mask)
                y = y[:, self.width :]
            skip = y if skip is None else skip + y
        assert skip is not None
        return masked(skip, mask)


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
