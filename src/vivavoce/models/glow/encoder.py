"""Text encoder and duration predictor (paper section 3.2 and appendix A.1).

Shapes: ids `[B, L]`, hidden `[B, C, L]`, mask `[B, 1, L]` float, speaker `[B, G, 1]`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vivavoce.models.glow.config import GlowConfig
from vivavoce.nn.durations import DurationPredictor
from vivavoce.nn.transformer import ChannelNorm, EncoderLayer


class Prenet(nn.Module):
    """Three convolutions with a residual projection that starts at zero."""

    def __init__(self, width: int, kernel: int = 5, layers: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers)
        )
        self.norms = nn.ModuleList(ChannelNorm(width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Conv1d(width, width, 1)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = x
        for conv, norm in zip(self.convs, self.norms, strict=True):
            y = self.dropout(torch.relu(norm(conv(y * mask))))
        return (x + self.projection(y)) * mask


class GlowTextEncoder(nn.Module):
    """ids -> prior mean and log-scale `[B, M, L]`, log-durations `[B, 1, L]`."""

    def __init__(self, config: GlowConfig, dropout: float = 0.1) -> None:
        super().__init__()
        c = config
        self.embedding = nn.Embedding(c.n_tokens, c.encoder_width)
        nn.init.normal_(self.embedding.weight, 0.0, c.encoder_width**-0.5)
        self.prenet = Prenet(c.encoder_width) if c.prenet else None
        self.layers = nn.ModuleList(
            EncoderLayer(
                c.encoder_width,
                c.encoder_heads,
                c.encoder_ffn,
                c.encoder_kernel,
                c.relative_window,
                dropout,
            )
            for _ in range(c.encoder_layers)
        )
        self.mean = nn.Conv1d(c.encoder_width, c.n_mels, 1)
        self.log_scale = None if c.mean_only else nn.Conv1d(c.encoder_width, c.n_mels, 1)
        self.durations = DurationPredictor(c.encoder_width + c.speaker_width, c.duration_width)

    def forward(
        self, ids: Tensor, mask: Tensor, speaker: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        x = self.embedding(ids).transpose(1, 2) * math.sqrt(self.embedding.embedding_dim)
        x = self.prenet(x, mask) if self.prenet else x * mask
        for layer in self.layers:
            x = layer(x, mask)
        x = x * mask
        mean = self.mean(x) * mask
        log_scale = self.log_scale(x) * mask if self.log_scale else torch.zeros_like(mean)
        known = x.detach()
        if speaker is not None:
            known = torch.cat([known, speaker.expand(-1, -1, x.shape[2])], 1)
        return mean, log_scale, self.durations(known, mask)
