"""Text encoder and duration predictor (paper section 3.2 and appendix A.1). Knows no audio.

Shapes: ids `[B, L]`, hidden `[B, C, L]`, mask `[B, 1, L]` float, speaker `[B, G, 1]`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.glow.config import GlowConfig


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of `[B, C, T]`, eps 1e-4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = F.layer_norm(x.transpose(1, 2), (x.shape[1],), self.weight, self.bias, eps=1e-4)
        return rows.transpose(1, 2)


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


class Attention(nn.Module):
    """Multi-head self-attention, with learned relative positions inside a window if asked."""

    def __init__(self, width: int, heads: int, window: int | None, dropout: float) -> None:
        super().__init__()
        self.heads, self.window, self.dropout = heads, window, dropout
        self.query = nn.Conv1d(width, width, 1)
        self.key = nn.Conv1d(width, width, 1)
        self.value = nn.Conv1d(width, width, 1)
        self.output = nn.Conv1d(width, width, 1)
        for conv in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(conv.weight)
        if window is not None:
            depth = width // heads
            shape = (2 * window + 1, depth)
            self.relative_key = nn.Parameter(torch.randn(shape) * depth**-0.5)
            self.relative_value = nn.Parameter(torch.randn(shape) * depth**-0.5)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (self._split(conv(x)) for conv in (self.query, self.key, self.value))
        dropout = self.dropout if self.training else 0.0
        keep = mask.bool().unsqueeze(1)  # [B, 1, 1, L]: keys that exist
        if self.window is None:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep, dropout_p=dropout)
        else:
            y = self._relative(q, k, v, keep, dropout)
        return self.output(y.transpose(2, 3).flatten(1, 2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.heads, -1)).transpose(2, 3)  # [B, H, L, D/H]

    def _relative(self, q: Tensor, k: Tensor, v: Tensor, keep: Tensor, dropout: float) -> Tensor:
        """Shaw et al. 2018: scores and outputs get a term that depends on the distance."""
        window = self.window or 0
        length = q.shape[2]
        steps = torch.arange(length, device=q.device)
        distance = steps[None, :] - steps[:, None] + window  # [L, L], 0 .. 2w inside
        inside = (distance >= 0) & (distance <= 2 * window)
        index = distance.clamp(0, 2 * window).expand(*q.shape[:2], length, length)
        near = torch.matmul(q, self.relative_key.t()).gather(3, index) * inside
        scores = (torch.matmul(q, k.transpose(2, 3)) + near) / math.sqrt(q.shape[3])
        p = F.dropout(scores.masked_fill(~keep, -1e4).softmax(-1), dropout)
        offsets = steps[:, None] + torch.arange(-window, window + 1, device=q.device)
        valid = (offsets >= 0) & (offsets < length)
        picked = p.gather(3, offsets.clamp(0, length - 1).expand(*p.shape[:2], -1, -1)) * valid
        return torch.matmul(p, v) + torch.matmul(picked, self.relative_value)


class FeedForward(nn.Module):
    def __init__(self, width: int, inner: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.pad = ((kernel - 1) // 2, kernel // 2)
        self.expand = nn.Conv1d(width, inner, kernel)
        self.contract = nn.Conv1d(inner, width, kernel)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.dropout(torch.relu(self.expand(F.pad(x * mask, self.pad))))
        return self.contract(F.pad(y * mask, self.pad)) * mask


class EncoderLayer(nn.Module):
    """Post-norm transformer layer."""

    def __init__(self, config: GlowConfig, dropout: float) -> None:
        super().__init__()
        c = config
        self.attention = Attention(c.encoder_width, c.encoder_heads, c.relative_window, dropout)
        self.norm_1 = ChannelNorm(c.encoder_width)
        self.feed_forward = FeedForward(c.encoder_width, c.encoder_ffn, c.encoder_kernel, dropout)
        self.norm_2 = ChannelNorm(c.encoder_width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.norm_1(x + self.dropout(self.attention(x, mask)))
        return self.norm_2(x + self.dropout(self.feed_forward(x, mask)))


class DurationPredictor(nn.Module):
    """log(1 + frames) per token, from hidden states that it does not train."""

    def __init__(self, width_in: int, width: int, kernel: int = 3, dropout: float = 0.1) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(width_in, width, kernel, padding=kernel // 2)
        self.norm_1 = ChannelNorm(width)
        self.conv_2 = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.norm_2 = ChannelNorm(width)
        self.projection = nn.Conv1d(width, 1, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.dropout(self.norm_1(torch.relu(self.conv_1(x * mask))))
        x = self.dropout(self.norm_2(torch.relu(self.conv_2(x * mask))))
        return self.projection(x * mask) * mask


class TextEncoder(nn.Module):
    """ids -> prior mean and log-scale `[B, M, L]`, log-durations `[B, 1, L]`."""

    def __init__(self, config: GlowConfig, dropout: float = 0.1) -> None:
        super().__init__()
        c = config
        self.embedding = nn.Embedding(c.n_tokens, c.encoder_width)
        nn.init.normal_(self.embedding.weight, 0.0, c.encoder_width**-0.5)
        self.prenet = Prenet(c.encoder_width) if c.prenet else None
        self.layers = nn.ModuleList(EncoderLayer(c, dropout) for _ in range(c.encoder_layers))
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
