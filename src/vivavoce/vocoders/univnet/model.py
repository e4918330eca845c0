"""UnivNet (Jang 2021, arXiv:2106.07889): location-variable convolutions over noise.

Shapes: B batch, C channels, T frames, S time steps, K taps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.specs import COQUI_22K
from vivavoce.nn.convolution import Conv, ReflectedConv, Upsampling, laid_out
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import require_hop
from vivavoce.vocoders.drawn import NoisyVocoder
from vivavoce.vocoders.univnet.config import UnivnetConfig

SLOPE, NARROW_SLOPE = 0.2, 0.1
"""Of the rectifiers: Coqui's has the narrow one in the kernels' network and before the output."""
TAIL_FRAMES, SILENCE = 10, -11.5129


class KernelPredictor(nn.Module):
    """The mel `[B, C, 1, T]` to kernels `[B, L, C, 2C, K, T]` and biases `[B, L, 2C, T]` (2.1)."""

    def __init__(self, config: UnivnetConfig, n_channels: int) -> None:
        super().__init__()
        c, wide = config, config.kernel_width
        self.pairs = c.mirrored
        self.slope = SLOPE if self.pairs else NARROW_SLOPE
        self.shape = c.layers, c.width, 2 * c.width, c.kernel
        self.first = Conv(n_channels, wide, 5)
        self.residual = nn.ModuleList(Conv(wide, wide, 3) for _ in range(6))
        self.kernels = Conv(wide, c.layers * c.width * 2 * c.width * c.kernel, 3)
        self.biases = Conv(wide, c.layers * 2 * c.width, 3)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        x = y = F.leaky_relu(self.first(mel), self.slope)
        for number, layer in enumerate(self.residual):
            y = F.leaky_relu(layer(y), self.slope)
            if self.pairs and number % 2:
                x = y = x + y
        x = x if self.pairs else x + y
        kernels = self.kernels(x)[:, :, 0].unflatten(1, self.shape)
        return kernels, self.biases(x)[:, :, 0].unflatten(1, (self.shape[0], self.shape[2]))


class UnivnetStage(nn.Module):
    """One upsampling and its location-variable convolutions; `hop` steps a frame behind it."""

    def __init__(self, config: UnivnetConfig, rate: int, hop: int, n_channels: int) -> None:
        super().__init__()
        c = config
        self.hop = hop
        self.predictor = KernelPredictor(config, n_channels)
        self.upsample = Upsampling(c.width, c.width, 2 * rate, rate)
        self.layers = nn.ModuleList(Conv(c.width, c.width, c.kernel, 3**n) for n in range(c.layers))

    def forward(self, x: Tensor, mel: Tensor) -> Tensor:
        kernels, biases = self.predictor(mel)
        x = self.upsample(F.leaky_relu(x, SLOPE))
        for number, layer in enumerate(self.layers):
            y = F.leaky_relu(layer(F.leaky_relu(x, SLOPE)), SLOPE)
            gate, signal = self.convolve(y, kernels[:, number], biases[:, number]).chunk(2, 1)
            x = x + torch.sigmoid(gate) * torch.tanh(signal)
        return x

    def convolve(self, x: Tensor, kernels: Tensor, biases: Tensor) -> Tensor:
        """Each frame's steps of `[B, C, 1, S]` with its own kernel: one matrix product a frame."""
        taps = kernels.shape[3]
        padded = F.pad(x[:, :, 0], (taps // 2, taps // 2))
        length = x.shape[-1]
        near = torch.stack([padded[..., tap : tap + length] for tap in range(taps)], 2)
        near = near.unflatten(3, (-1, self.hop)).permute(0, 3, 1, 2, 4).flatten(2, 3)
        by_frame = kernels.permute(0, 4, 2, 1, 3).flatten(3)
        y = by_frame @ near + biases.transpose(1, 2).unsqueeze(3)  # [B, T, 2C, hop]
        return y.transpose(1, 2).flatten(2).unsqueeze(2)


class Univnet(NoisyVocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1].

    Raises ConfigError when the rates do not make the hop of `spec`.
    """

    config_type = UnivnetConfig
    default_features = COQUI_22K

    def __init__(self, config: UnivnetConfig, spec: FeatureSpec) -> None:
        super().__init__()
        require_hop("UnivNet", config.hop_length, spec)
        self.config, self.accepts = config, spec
        self.noise_channels = config.noise
        self.receptive_field = config.receptive_field()
        self.slope = SLOPE if config.mirrored else NARROW_SLOPE
        if config.mirrored:
            self.tail_frames, self.tail_value = TAIL_FRAMES, SILENCE
        outer = ReflectedConv if config.mirrored else Conv
        self.first = outer(config.noise, config.width, 7)
        hop, self.stages = 1, nn.ModuleList()
        for rate in config.rates:
            hop *= rate
            self.stages.append(UnivnetStage(config, rate, hop, spec.n_channels))
        self.last = outer(config.width, 1, 7)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        return self(*self.parts(features, condition)).float()

    def forward(self, mel: Tensor, noise: Tensor) -> Tensor:
        """Mel `[B, C, T]` and noise `[B, N, T]` to samples `[B, S]`."""
        mel, x = laid_out(mel), self.first(laid_out(noise))
        for stage in self.stages:
            x = stage(x, mel)
        return self.last(F.leaky_relu(x, self.slope)).tanh()[:, 0, 0]
