"""The discrete VAE whose codes XTTS' GPT learns to say. Needed for training only.

van den Oord et al. 2017, arXiv:1711.00937, as Tortoise (Betker 2023, arXiv:2305.07243) built it.
`mel.scaled_mel` with DVAE_22K makes what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import ConfigError

OF_ITS_TRAINING = ("discrete_loss.", "codebook.cluster_size", "codebook.embed_avg")


@dataclass(frozen=True, kw_only=True)
class DvaeConfig:
    """Sizes; the defaults are XTTS v2's. A code stands for 2^`halvings` frames."""

    n_mels: int = 80
    hidden: int = 512
    width: int = 512
    codes: int = 1024
    blocks: int = 3
    kernel: int = 3
    halvings: int = 2

    def __post_init__(self) -> None:
        if min(self.n_mels, self.hidden, self.width, self.codes, self.blocks, self.halvings) < 1:
            raise ConfigError("Each size of a discrete VAE must be at least 1.")
        if self.kernel % 2 == 0:
            raise ConfigError(f"The kernel is {self.kernel}; it must be odd.")


class Dvae(nn.Module):
    """Mel frames to codes and back."""

    codebook: Tensor

    def __init__(self, config: DvaeConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.hidden * 2**n for n in range(config.halvings)]
        self.encoder = _encoder(config, widths)
        self.decoder = _decoder(config, widths)
        self.register_buffer("codebook", torch.randn(config.width, config.codes))

    @torch.no_grad()
    def encode(self, mel: Tensor) -> Tensor:
        """`[B, M, T]` to codes `[B, ceil(T / 4)]`: the entries nearest to what was encoded."""
        return self.nearest(self.encoder(mel).transpose(1, 2))

    @torch.no_grad()
    def nearest(self, x: Tensor) -> Tensor:
        """Encoded frames `[B, N, D]` to the numbers of their nearest entries `[B, N]`."""
        # their squared distance, but for what is the same for all entries
        return (self.codebook.square().sum(0) - 2 * (x @ self.codebook)).argmin(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N]` to a mel `[B, M, 4 N]`."""
        return self.decoder(F.embedding(codes, self.codebook.t()).transpose(1, 2))


class ResBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


def adapt(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official file's tensors under our names, without what only its training needed."""
    kept = {k: v for k, v in tensors.items() if not k.startswith(OF_ITS_TRAINING)}
    return {_renamed(name): tensor for name, tensor in kept.items()}


def _renamed(name: str) -> str:
    return "codebook" if name == "codebook.embed" else name.replace(".0.conv.", ".1.")


def _encoder(config: DvaeConfig, widths: list[int]) -> nn.Sequential:
    kernel, around = config.kernel, config.kernel // 2
    layers: list[nn.Module] = []
    for before, width in zip([config.n_mels, *widths], widths, strict=False):
        layers.append(nn.Sequential(nn.Conv1d(before, width, kernel, 2, around), nn.ReLU()))
    layers += [ResBlock(widths[-1]) for _ in range(config.blocks)]
    return nn.Sequential(*layers, nn.Conv1d(widths[-1], config.width, 1))


def _decoder(config: DvaeConfig, widths: list[int]) -> nn.Sequential:
    kernel, around = config.kernel, config.kernel // 2
    layers: list[nn.Module] = [nn.Conv1d(config.width, widths[-1], 1)]
    layers += [ResBlock(widths[-1]) for _ in range(config.blocks)]
    falling = widths[::-1]
    for before, width in zip([widths[-1], *falling], falling, strict=False):
        conv = nn.Conv1d(before, width, kernel, padding=around)
        layers.append(nn.Sequential(nn.Upsample(scale_factor=2), conv, nn.ReLU()))
    return nn.Sequential(*layers, nn.Conv1d(widths[0], config.n_mels, 1))
