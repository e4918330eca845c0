"""The deterministic duration predictor of Glow-TTS, which VITS has too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.nn.transformer import ChannelNorm


class DurationPredictor(nn.Module):
    """One number per token: the logarithm of a duration. What is taken of it is the model's to say.

    Hidden `[B, C, L]`, mask `[B, 1, L]`; the result is `[B, 1, L]`, 0 where the mask is.
    """

    def __init__(
        self, width_in: int, width: int, kernel: int = 3, dropout: float = 0.1, eps: float = 1e-4
    ) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(width_in, width, kernel, padding=kernel // 2)
        self.norm_1 = ChannelNorm(width, eps)
        self.conv_2 = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.norm_2 = ChannelNorm(width, eps)
        self.projection = nn.Conv1d(width, 1, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.dropout(self.norm_1(torch.relu(self.conv_1(x * mask))))
        x = self.dropout(self.norm_2(torch.relu(self.conv_2(x * mask))))
        return self.projection(x * mask) * mask
