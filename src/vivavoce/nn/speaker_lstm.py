"""The recurrent speaker encoder: the mel of a recording to a vector that says who speaks.

Wan et al. 2018, arXiv:1710.10467, as Coqui trained it; names are its checkpoints'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.nn.speaker_config import LstmSpeakerConfig

EPS = 1e-5


class LstmLayers(nn.Module):
    """`[B, T, M]` to `[B, T, D]`: recurrent layers, then a linear one."""

    def __init__(self, n_mels: int, hidden: int, width: int, layers: int, bias: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_mels, hidden, layers, batch_first=True)
        self.linear = nn.Linear(hidden, width, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.lstm(x)[0])


class LstmSpeakerNetwork(nn.Module):
    """Each of the layers is followed by a projection, or all of them together by one."""

    def __init__(self, config: LstmSpeakerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.layers = (
            nn.Sequential(
                *(
                    LstmLayers(c.width if n else c.n_mels, c.hidden, c.width, 1, False)
                    for n in range(c.layers)
                )
            )
            if c.projected
            else LstmLayers(c.n_mels, c.hidden, c.width, c.layers, True)
        )

    def describe(self, mel: Tensor) -> Tensor:
        """`[B, M, T]` to `[B, D]`, of any length: the state behind the last frame."""
        found = self.layers(self.normalised(mel).transpose(1, 2))[:, -1]
        return found if self.config.projected else found.relu()

    @staticmethod
    def normalised(mel: Tensor) -> Tensor:
        """Every band of every recording with mean 0 and variance 1."""
        variance, mean = torch.var_mean(mel, dim=2, correction=0, keepdim=True)
        return (mel - mean) / (variance + EPS).sqrt()
