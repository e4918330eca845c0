"""The flow: mel <-> latent, exactly invertible (paper section 3.1, appendix A.2).

Shapes: mel `[B, M, T]`, squeezed `[B, M*q, T/q]`, mask `[B, 1, T]` float or None when all
frames are real, speaker `[B, G, 1]`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from vivavoce.nn.glow_config import GlowFlowConfig
from vivavoce.nn.glow_flow import FlowStep, GlowCoupling
from vivavoce.nn.glow_frozen import FrozenDecoder
from vivavoce.nn.wavenet import masked


def squeeze(x: Tensor, n: int) -> Tensor:
    """`[B, C, T] -> [B, n*C, T//n]`, channel = phase * C + c; an odd tail is dropped."""
    frames = x.shape[2] // n * n
    return x[:, :, :frames].unflatten(2, (-1, n)).permute(0, 3, 1, 2).flatten(1, 2)


def unsqueeze(x: Tensor, n: int) -> Tensor:
    return x.unflatten(1, (n, -1)).permute(0, 2, 3, 1).flatten(2, 3)


class GlowDecoder(nn.Module):
    def __init__(self, config: GlowFlowConfig, dropout: float = 0.05) -> None:
        super().__init__()
        self.n_squeeze = config.n_squeeze
        channels = config.n_mels * config.n_squeeze
        self.steps = nn.ModuleList(FlowStep(channels) for _ in range(config.n_flows))
        self.couplings = nn.ModuleList(GlowCoupling(config, dropout) for _ in range(config.n_flows))
        self._fast: FrozenDecoder | None = None

    @property
    def flows(self) -> list[tuple[FlowStep, GlowCoupling]]:
        """In the order of training; speech goes through them backwards."""
        pairs = list(zip(self.steps, self.couplings, strict=True))
        return cast("list[tuple[FlowStep, GlowCoupling]]", pairs)

    def forward(
        self, mel: Tensor, mask: Tensor, speaker: Tensor | None, initialise: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Mel -> latent `[B, M, T']` and log-determinant `[B]` (training)."""
        x, mask = squeeze(mel, self.n_squeeze), self._squeezed_mask(mask)
        frames = mask.sum((1, 2))
        log_det = torch.zeros_like(frames)
        for step, coupling in self.flows:
            if initialise:
                step.initialise(x.float(), mask)
            x, per_frame = step(x)
            a, b = (x * mask).chunk(2, 1)
            shift, log_scale = coupling.parameters_of(a, mask, speaker)
            x = torch.cat([a, (shift + log_scale.exp() * b) * mask], 1)
            log_det = log_det + per_frame * frames + (log_scale * mask).sum((1, 2))
        return unsqueeze(x, self.n_squeeze), log_det

    def freeze(self) -> None:
        """Compute the inverse maps, once, on the final device. Weights must not change then."""
        for step, _ in self.flows:
            step.freeze()
        self._fast = FrozenDecoder(self.flows) if FrozenDecoder.fits(self.flows) else None

    def reverse(self, z: Tensor, mask: Tensor | None, speaker: Tensor | None) -> Tensor:
        """Latent -> mel; T is cut to a multiple of n_squeeze."""
        x = squeeze(z, self.n_squeeze)
        mask = None if mask is None else self._squeezed_mask(mask)
        if self._fast is not None and x.device.type == "cpu":
            mask = x.new_ones(x.shape[0], 1, x.shape[2]) if mask is None else mask
            return unsqueeze(self._fast.reverse(x, mask, speaker), self.n_squeeze)
        for step, coupling in reversed(self.flows):
            a, b = x.chunk(2, 1)
            shift, log_scale = coupling.parameters_of(a, mask, speaker)
            b = (b - shift) * (-log_scale).exp()
            weight, bias = step.inverse()
            x = torch.matmul(weight, torch.cat([a, masked(b, mask)], 1)) + bias
            x = masked(x, mask)
        return unsqueeze(x, self.n_squeeze)

    def _squeezed_mask(self, mask: Tensor) -> Tensor:
        """A squeezed frame counts when its last phase is real."""
        return mask[:, :, self.n_squeeze - 1 :: self.n_squeeze]
