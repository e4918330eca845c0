"""Symbols to the prior of the latents (paper section 2.2.1).

Shapes: ids `[B, L]`, mask `[B, 1, L]` float, hidden `[B, W, L]`, latents `[B, C, L]`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vivavoce.models.vits.config import VitsConfig
from vivavoce.nn.transformer import EncoderLayer

EPS = 1e-5


class TextEncoder(nn.Module):
    """A transformer over symbols; a language's embedding is appended to each of them."""

    def __init__(self, config: VitsConfig, dropout: float = 0.1) -> None:
        super().__init__()
        c = config
        self.embedding = nn.Embedding(c.n_tokens, c.text_width)
        nn.init.normal_(self.embedding.weight, 0.0, c.text_width**-0.5)
        self.layers = nn.ModuleList(
            EncoderLayer(
                c.encoder_width,
                c.text_heads,
                c.text_ffn,
                c.text_kernel,
                c.relative_window,
                dropout,
                EPS,
            )
            for _ in range(c.text_layers)
        )
        self.projection = nn.Conv1d(c.encoder_width, 2 * c.latent_width, 1)

    def forward(
        self, ids: Tensor, mask: Tensor, language: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states, mean and logarithm of the deviation. `language` is `[B, E, 1]`."""
        x = self.embedding(ids).transpose(1, 2) * math.sqrt(self.embedding.embedding_dim)
        if language is not None:
            x = torch.cat([x, language.expand(-1, -1, x.shape[2])], 1)
        x = x * mask
        for layer in self.layers:
            x = layer(x, mask)
        x = x * mask
        mean, log_scale = (self.projection(x) * mask).chunk(2, 1)
        return x, mean, log_scale
