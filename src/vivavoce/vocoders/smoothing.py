"""The mel brought to the rate of samples as Parallel WaveGAN and WaveRNN do it."""

from __future__ import annotations

from torch import Tensor, nn

from vivavoce.nn.convolution import Conv


class Smoothing(nn.Module):
    """`[B, C, 1, T]` to `[B, C, 1, S]`: steps are repeated, then smoothed, rate by rate."""

    def __init__(self, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.rates = rates
        self.smoothing = nn.ModuleList(Conv(1, 1, 2 * rate + 1, bias=False) for rate in rates)

    def forward(self, x: Tensor) -> Tensor:
        rows, bands = x.shape[:2]
        x = x.reshape(rows * bands, 1, 1, -1)
        for rate, smooth in zip(self.rates, self.smoothing, strict=True):
            x = smooth(x.unsqueeze(4).expand(-1, -1, -1, -1, rate).flatten(3))
        return x.reshape(rows, bands, 1, -1)
