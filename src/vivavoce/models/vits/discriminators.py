"""The critics that VITS is trained against: HiFi-GAN's, one of them for all samples."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vivavoce.nn.critics import Judgement, PeriodDiscriminator, ScaleDiscriminator


class Discriminators(nn.Module):
    """One over all samples, one for each of `periods`."""

    def __init__(
        self,
        periods: Sequence[int],
        period_channels: Sequence[int],
        scale_channels: Sequence[int],
        scale_groups: Sequence[int],
    ) -> None:
        super().__init__()
        self.scale = ScaleDiscriminator(scale_channels, scale_groups)
        self.periods = nn.ModuleList(PeriodDiscriminator(p, period_channels) for p in periods)

    def forward(self, samples: Tensor) -> list[Judgement]:
        """Judgements of samples `[B, S]`, the scale's first."""
        return [critic(samples) for critic in (self.scale, *self.periods)]
