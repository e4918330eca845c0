"""One step of the flow and its coupling (paper section 3.1, appendix A.2).

Shapes: frames `[B, C, T]`, mask `[B, 1, T]` float or None when all frames are real, speaker
`[B, G, 1]`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.nn.glow_config import GlowFlowConfig
from vivavoce.nn.wavenet import WaveNet, masked
from vivavoce.runtime import full_precision


class FlowStep(nn.Module):
    """ActNorm, then a 4x4 mixing of channels: together one affine map per frame.

    Glow's invertible convolution mixes groups of four channels. The channels `(a, k, b)`, read
    as `[2, C/4, 2]`, mix over `(a, b)` for each `k`. Written out as one `C x C` matrix, ActNorm
    folded in, it is a single product instead of five copies, and exact both ways.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        # on the CPU always: a module on the meta device has no numbers to look at
        rotation = torch.linalg.qr(torch.randn(4, 4, device="cpu"))[0].contiguous()
        if torch.linalg.det(rotation) < 0:
            rotation[:, 0] = -rotation[:, 0]
        self.mixing = nn.Parameter(rotation.to(self.bias.device))
        self.inverse_weight: Tensor | None
        self.inverse_bias: Tensor | None
        self.register_buffer("inverse_weight", None, persistent=False)
        self.register_buffer("inverse_bias", None, persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mapped frames, and the log-determinant of one frame's map."""
        with full_precision(x):
            mix = self._dense(self.mixing)
            weight = mix * self.log_scale.exp()
            log_det = self.log_scale.sum() + det4(self.mixing).abs().log() * (x.shape[1] // 4)
            return torch.matmul(weight, x) + (mix @ self.bias)[:, None], log_det

    def freeze(self) -> None:
        """Compute the inverse once; weights must not change afterwards."""
        self.inverse_weight, self.inverse_bias = self.inverse()

    def inverse(self) -> tuple[Tensor, Tensor]:
        """Weight `[C, C]` and bias `[C, 1]` of the inverse map, solved in float64 on the CPU."""
        if self.inverse_weight is not None and self.inverse_bias is not None:
            return self.inverse_weight, self.inverse_bias
        mixing, bias, log_scale = (
            p.detach().cpu().double() for p in (self.mixing, self.bias, self.log_scale)
        )
        scale = (-log_scale).exp()
        weight = self._dense(torch.linalg.inv(mixing)) * scale[:, None]
        return weight.to(self.bias), (-bias * scale)[:, None].to(self.bias)

    def initialise(self, x: Tensor, mask: Tensor) -> None:
        """Data-dependent start (Glow section 3.1): outputs of ActNorm with mean 0, variance 1."""
        with torch.no_grad():
            count = mask.sum()
            mean = (x * mask).sum((0, 2)) / count
            variance = ((x * x) * mask).sum((0, 2)) / count - mean**2
            self.log_scale.copy_(-0.5 * variance.clamp_min(1e-6).log())
            self.bias.copy_(-mean * self.log_scale.exp())

    def _dense(self, mixing: Tensor) -> Tensor:
        groups = self.bias.shape[0] // 4
        eye = torch.eye(groups, dtype=mixing.dtype, device=mixing.device)
        cells = mixing.view(2, 2, 2, 2)
        return torch.einsum("abcd,kl->akbcld", cells, eye).reshape(4 * groups, 4 * groups)


def det4(m: Tensor) -> Tensor:
    """Determinant of a 4x4 matrix by 2x2 minors: plain products run natively everywhere."""

    def minor(row: int, i: int, j: int) -> Tensor:
        return m[row, i] * m[row + 1, j] - m[row, j] * m[row + 1, i]

    return (
        minor(0, 0, 1) * minor(2, 2, 3)
        - minor(0, 0, 2) * minor(2, 1, 3)
        + minor(0, 0, 3) * minor(2, 1, 2)
        + minor(0, 1, 2) * minor(2, 0, 3)
        - minor(0, 1, 3) * minor(2, 0, 2)
        + minor(0, 2, 3) * minor(2, 0, 1)
    )


class GlowCoupling(nn.Module):
    """One half of the channels shifts and scales the other (paper equation 9 ff.)."""

    def __init__(self, config: GlowFlowConfig, dropout: float) -> None:
        super().__init__()
        half = config.n_mels * config.n_squeeze // 2
        self.sigmoid_scale = config.sigmoid_scale
        self.start = nn.Conv1d(half, config.decoder_width, 1)
        self.wavenet = WaveNet(
            config.decoder_width,
            config.flow_kernel,
            config.flow_layers,
            config.dilation_rate,
            config.speaker_width,
            dropout,
        )
        self.end = nn.Conv1d(config.decoder_width, 2 * half, 1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def parameters_of(
        self, x: Tensor, mask: Tensor | None, speaker: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Shift and log-scale for the other half."""
        h = self.wavenet(masked(self.start(x), mask), mask, speaker)
        shift, log_scale = self.end(h).float().chunk(2, 1)
        if self.sigmoid_scale:
            log_scale = torch.log(1e-6 + torch.sigmoid(log_scale + 2))
        return shift, log_scale
