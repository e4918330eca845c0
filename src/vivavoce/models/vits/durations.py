"""How long every symbol lasts (paper section 2.2.2).

Shapes: hidden `[B, W, L]`, mask `[B, 1, L]` float, condition `[B, G, 1]`, language `[B, E, 1]`,
pairs `[B, 2, L]`: the logarithm of a duration and a variable that only fills the flow's space.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.spline import spline
from vivavoce.nn import durations
from vivavoce.nn.transformer import ChannelNorm

DROPOUT = 0.5
SMALLEST = 1e-5
"""Of what is left of a duration; its logarithm has to be finite."""
LOG_2PI = math.log(2 * math.pi)


class Separable(nn.Module):
    """Dilated depthwise-separable convolutions with residuals."""

    def __init__(self, width: int, kernel: int, n_layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.ModuleList(
            nn.Conv1d(
                width,
                width,
                kernel,
                dilation=kernel**i,
                padding=kernel**i * (kernel - 1) // 2,
                groups=width,
            )
            for i in range(n_layers)
        )
        self.pointwise = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(n_layers))
        self.norms_1 = nn.ModuleList(ChannelNorm(width, 1e-5) for _ in range(n_layers))
        self.norms_2 = nn.ModuleList(ChannelNorm(width, 1e-5) for _ in range(n_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for depthwise, pointwise, norm_1, norm_2 in zip(
            self.depthwise, self.pointwise, self.norms_1, self.norms_2, strict=True
        ):
            y = F.gelu(norm_1(depthwise(x * mask)))
            x = x + self.dropout(F.gelu(norm_2(pointwise(y))))
        return x * mask


class Spline(nn.Module):
    """One channel of a pair bends the other by a spline that hidden states shape."""

    def __init__(self, config: VitsConfig) -> None:
        super().__init__()
        width, self.bins = config.duration_width, config.duration_bins
        self.start = nn.Conv1d(1, width, 1)
        self.stack = Separable(width, config.duration_kernel, config.duration_layers)
        self.end = nn.Conv1d(width, 3 * self.bins - 1, 1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def forward(
        self, pairs: Tensor, hidden: Tensor, mask: Tensor, inverse: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The mapped pairs, and the logarithm of the determinant `[B]`."""
        kept, bent = pairs.chunk(2, 1)
        logits = self.end(self.stack(self.start(kept) + hidden, mask)) * mask
        widths, heights, derivatives = (
            logits.transpose(1, 2).float().split([self.bins, self.bins, self.bins - 1], -1)
        )
        scale = math.sqrt(self.stack.depthwise[0].out_channels)  # type: ignore[arg-type]
        y, log_derivative = spline(
            bent[:, 0].float(), widths / scale, heights / scale, derivatives, inverse
        )
        log_det = (log_derivative * mask[:, 0]).sum(1)
        return torch.cat([kept, y.unsqueeze(1)], 1) * mask, log_det


class Affine(nn.Module):
    """Each channel shifted and scaled, the same for every symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self, pairs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        y = (self.shift[:, None] + self.log_scale.exp()[:, None] * pairs) * mask
        return y, (self.log_scale.sum() * mask).sum((1, 2))

    def inverse(self, pairs: Tensor, mask: Tensor) -> Tensor:
        return (pairs - self.shift[:, None]) * (-self.log_scale).exp()[:, None] * mask


class Variational(nn.Module):
    """What the stochastic predictor has for training only: a posterior, and one spline more."""

    def __init__(self, config: VitsConfig) -> None:
        super().__init__()
        width = config.duration_width
        self.start = nn.Conv1d(1, width, 1)
        self.stack = Separable(width, config.duration_kernel, config.duration_layers, DROPOUT)
        self.end = nn.Conv1d(width, width, 1)
        self.affine = Affine()
        self.splines = nn.ModuleList(Spline(config) for _ in range(config.duration_flows))
        self.first = Spline(config)

    def forward(
        self, frames: Tensor, hidden: Tensor, mask: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pairs that stand for whole frames, and the logarithm of their likelihood `[B]`.

        A part u in (0, 1) is taken off each duration, so that what is left is continuous; its
        logarithm and a second variable are the pair (paper equation 7).
        """
        told = self.end(self.stack(self.start(frames), mask)) * mask
        noise = noise * mask
        pairs, log_det = self.affine(noise, mask)
        for layer in self.splines:
            pairs, more = layer(pairs, hidden + told, mask)
            pairs, log_det = pairs.flip(1), log_det + more
        off, second = pairs.chunk(2, 1)
        log_det = log_det + ((F.logsigmoid(off) + F.logsigmoid(-off)) * mask).sum((1, 2))
        likelihood = normal_likelihood(noise, mask) - log_det
        left = (frames - off.sigmoid() * mask) * mask
        first = left.clamp_min(SMALLEST).log() * mask
        return torch.cat([first, second], 1), likelihood + first.sum((1, 2))


class StochasticDurations(nn.Module):
    """A flow from noise to durations, under the text and the speaker."""

    variational: Variational | None

    def __init__(self, config: VitsConfig) -> None:
        super().__init__()
        c, width = config, config.duration_width
        self.start = nn.Conv1d(c.encoder_width, width, 1)
        self.stack = Separable(width, c.duration_kernel, c.duration_layers, DROPOUT)
        self.end = nn.Conv1d(width, width, 1)
        self.condition = condition_of(c, width)
        self.language = nn.Conv1d(c.language_width, width, 1) if c.language_width else None
        self.affine = Affine()
        self.splines = nn.ModuleList(Spline(c) for _ in range(c.duration_flows - 1))
        self.variational = Variational(c) if c.variational_durations else None

    def hidden(
        self, x: Tensor, mask: Tensor, speaker: Tensor | None, language: Tensor | None
    ) -> Tensor:
        """What shapes the flow, `[B, D, L]`. Neither text nor speaker are trained through it."""
        x = self.start(x.detach())
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker.detach())
        if self.language is not None and language is not None:
            x = x + self.language(language.detach())
        return self.end(self.stack(x, mask)) * mask

    def forward(
        self,
        x: Tensor,
        mask: Tensor,
        noise: Tensor,
        speaker: Tensor | None = None,
        language: Tensor | None = None,
    ) -> Tensor:
        """Logarithms of durations `[B, 1, L]`, in frames, made of scaled noise `[B, 2, L]`."""
        hidden = self.hidden(x, mask, speaker, language)
        pairs = noise * mask
        for layer in reversed(self.splines):
            pairs, _ = layer(pairs.flip(1), hidden, mask, inverse=True)
        return self.affine.inverse(pairs.flip(1), mask)[:, :1]

    def loss(
        self,
        x: Tensor,
        mask: Tensor,
        frames: Tensor,
        noise: Tensor,
        speaker: Tensor | None = None,
        language: Tensor | None = None,
    ) -> Tensor:
        """An upper bound of the negative log-likelihood of `frames` `[B, 1, L]`, per row `[B]`.

        `noise` `[B, 2, L]` is standard normal. Needs the variational part.
        """
        assert self.variational is not None
        hidden = self.hidden(x, mask, speaker, language)
        pairs, likelihood = self.variational(frames, hidden, mask, noise)
        pairs, log_det = self.affine(pairs, mask)
        for layer in (self.variational.first, *self.splines):
            pairs, more = layer(pairs, hidden, mask)
            pairs, log_det = pairs.flip(1), log_det + more
        return likelihood - normal_likelihood(pairs, mask) - log_det


def normal_likelihood(x: Tensor, mask: Tensor) -> Tensor:
    """The logarithm of the standard normal density, summed per row `[B]`."""
    return (-0.5 * (LOG_2PI + x.square()) * mask).sum((1, 2))


class DeterministicDurations(durations.DurationPredictor):
    """Two convolutions over the text and the speaker: logarithms of durations, in frames."""

    def __init__(self, config: VitsConfig) -> None:
        c, width = config, config.encoder_width
        super().__init__(
            width, c.duration_width, c.duration_kernel, dropout=DROPOUT, eps=c.duration_eps
        )
        self.condition = condition_of(c, width)
        self.language = nn.Conv1d(c.language_width, width, 1) if c.language_width else None

    def predict(
        self,
        x: Tensor,
        mask: Tensor,
        speaker: Tensor | None = None,
        language: Tensor | None = None,
    ) -> Tensor:
        x = x.detach()
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker.detach())
        if self.language is not None and language is not None:
            x = x + self.language(language.detach())
        return self(x, mask)

    def loss(
        self,
        x: Tensor,
        mask: Tensor,
        frames: Tensor,
        speaker: Tensor | None = None,
        language: Tensor | None = None,
    ) -> Tensor:
        """Squared differences of logarithms, summed per row `[B]`."""
        target = (frames + 1e-6).log() * mask
        return (self.predict(x, mask, speaker, language) - target).square().sum((1, 2))


def condition_of(config: VitsConfig, width: int) -> nn.Conv1d | None:
    wanted = config.speaker_width and config.speaker_durations
    return nn.Conv1d(config.speaker_width, width, 1) if wanted else None
