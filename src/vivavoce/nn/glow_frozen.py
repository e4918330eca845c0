"""The inverse flow of Glow on the CPU with weights that no longer change.

Shapes: B rows, T squeezed frames, N tiles of four frames (nn/wavenet_frozen.py), C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vivavoce.nn.glow_flow import FlowStep, GlowCoupling
from vivavoce.nn.wavenet_frozen import FrozenCoupling, from_tiles, to_tiles

Flows = Sequence[tuple[FlowStep, GlowCoupling]]


class FrozenDecoder:
    """A decoder's weights, copied in the order in which `reverse` multiplies."""

    def __init__(self, flows: Flows) -> None:
        self.sigmoid_scale = flows[0][1].sigmoid_scale
        self.flows: list[tuple[FrozenCoupling, Tensor, Tensor]] = []
        with torch.no_grad():
            for step, c in flows:
                weight, bias = step.inverse()  # [C, C]
                frozen = FrozenCoupling(c.start, c.wavenet, c.end)
                self.flows.append((frozen, weight.T.contiguous(), bias.flatten()))

    @staticmethod
    def fits(flows: Flows) -> bool:
        return all(FrozenCoupling.fits(coupling.wavenet) for _, coupling in flows)

    def reverse(self, x: Tensor, mask: Tensor, speaker: Tensor | None) -> Tensor:
        """What the decoder's plain form makes of squeezed frames `[B, C, T]`, mask `[B, 1, T]`."""
        rows = x.shape[0]
        z, real = to_tiles(x), to_tiles(mask)
        half = z.shape[1] // 2
        for coupling, inverse, inverse_bias in reversed(self.flows):
            out = coupling(z[:, :half], real, speaker, rows)
            log_scale = out[:, half:]
            if self.sigmoid_scale:
                log_scale = torch.log(1e-6 + torch.sigmoid(log_scale + 2))
            z[:, half:].sub_(out[:, :half]).mul_(log_scale.neg_().exp_())
            z = torch.addmm(inverse_bias, z, inverse).mul_(real)
        return from_tiles(z, rows, x.shape[2])
