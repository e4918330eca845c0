"""VITS's latents and their prior: the posterior encoder and the flow.

Kim et al. 2021, arXiv:2106.06103, sections 2.1.3 and 2.2.1; voice conversion is made of them too.

Shapes: spectrum `[B, F, T]`, latents `[B, C, T]`, mask `[B, 1, T]` float or None when all frames
are real, condition `[B, G, 1]`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from vivavoce.nn.latent_config import LatentConfig
from vivavoce.nn.wavenet import WaveNet, masked
from vivavoce.nn.wavenet_frozen import FrozenCoupling, from_tiles, to_tiles


class Coupling(nn.Module):
    """Half of the channels shifts the other half; nothing is scaled."""

    def __init__(self, config: LatentConfig) -> None:
        super().__init__()
        c, half = config, config.latent_width // 2
        self.start = nn.Conv1d(half, c.flow_width, 1)
        self.wavenet = WaveNet(
            c.flow_width, c.flow_kernel, c.flow_layers, c.flow_dilation, c.speaker_width
        )
        self.end = nn.Conv1d(c.flow_width, half, 1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)  # type: ignore[arg-type]

    def shift(self, half: Tensor, mask: Tensor | None, condition: Tensor | None) -> Tensor:
        hidden = masked(self.start(half), mask)
        return masked(self.end(self.wavenet(hidden, mask, condition)), mask)


class Flow(nn.Module):
    """Volume-preserving couplings with the channels reversed between them."""

    def __init__(self, config: LatentConfig) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(config) for _ in range(config.n_couplings))
        reach = (config.flow_kernel - 1) // 2
        layers = range(config.flow_layers)
        self.context = config.n_couplings * sum(reach * config.flow_dilation**i for i in layers)
        self._frozen: list[FrozenCoupling] = []

    def freeze(self) -> None:
        """Do the work on the weights once, on the final device; they must not change then."""
        couplings = cast("list[Coupling]", list(self.couplings))
        if all(FrozenCoupling.fits(c.wavenet) for c in couplings):
            self._frozen = [FrozenCoupling(c.start, c.wavenet, c.end) for c in couplings]

    def forward(
        self, z: Tensor, mask: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """From the posterior's latents to the prior's."""
        for coupling in self.couplings:
            kept, moved = z.chunk(2, 1)
            moved = masked(moved, mask) + coupling.shift(kept, mask, condition)  # type: ignore[operator]
            z = torch.cat([kept, moved], 1).flip(1)
        return z

    def reverse(
        self, z: Tensor, mask: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor:
        """From the prior's latents to those that are decoded.

        A frame depends on `context` frames on each side.
        """
        if self._frozen and z.device.type == "cpu":
            return self._reverse_frozen(z, mask, condition)
        for coupling in reversed(self.couplings):
            kept, moved = z.flip(1).chunk(2, 1)
            moved = masked(moved - coupling.shift(kept, mask, condition), mask)  # type: ignore[operator]
            z = torch.cat([kept, moved], 1)
        return z

    def _reverse_frozen(self, z: Tensor, mask: Tensor | None, condition: Tensor | None) -> Tensor:
        rows, channels, frames = z.shape
        tiles = to_tiles(z)
        real = to_tiles(z.new_ones(rows, 1, frames) if mask is None else mask)
        for coupling in reversed(self._frozen):
            tiles = tiles.flip(1)
            kept, moved = tiles.split(channels // 2, 1)
            moved.sub_(coupling(kept, real, condition, rows)).mul_(real)
        return from_tiles(tiles, rows, frames)


class Posterior(nn.Module):
    """What latents a recording's linear spectrum speaks for.

    A frame depends on `context` frames on each side. `conditioned` says whether who speaks is told.
    """

    def __init__(self, config: LatentConfig, conditioned: bool = True) -> None:
        super().__init__()
        c = config
        self.start = nn.Conv1d(c.n_bins, c.posterior_width, 1)
        self.wavenet = WaveNet(
            c.posterior_width,
            c.posterior_kernel,
            c.posterior_layers,
            c.posterior_dilation,
            c.speaker_width if conditioned else 0,
        )
        reach = (c.posterior_kernel - 1) // 2
        self.context = sum(reach * c.posterior_dilation**i for i in range(c.posterior_layers))
        self.end = nn.Conv1d(c.posterior_width, 2 * c.latent_width, 1)

    def forward(
        self, spectrum: Tensor, mask: Tensor | None, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the deviation."""
        hidden = self.wavenet(masked(self.start(spectrum), mask), mask, condition)
        mean, log_scale = masked(self.end(hidden), mask).chunk(2, 1)
        return mean, log_scale
