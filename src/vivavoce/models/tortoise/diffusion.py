"""The diffusion decoder: states of the GPT and a voice to a mel (Betker, arXiv:2305.07243).

Shapes: B rows, M mels, W width, K codes, T frames. Names are the published checkpoint's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.tortoise.config import DiffusionConfig
from vivavoce.nn.mel_attention import AttentionBlock, groups

CODE_LAYERS, VOICE_LAYERS, TIME_LAYERS, LAST_LAYERS = 4, 5, 3, 3


class TimedBlock(nn.Module):
    """Two convolutions with a residual; the second's input is scaled and shifted by the time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(groups(width), width), nn.SiLU(), nn.Conv1d(width, width, 1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.out_layers = nn.Sequential(  # the third is a dropout in training
            nn.GroupNorm(groups(width), width),
            nn.SiLU(),
            nn.Identity(),
            nn.Conv1d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """`[B, W, T]`, with the time as `[1, W]`."""
        scale, shift = self.emb_layers(time)[..., None].chunk(2, dim=1)
        norm, *rest = self.out_layers
        y = norm(self.in_layers(x)) * (1 + scale) + shift
        for layer in rest:
            y = layer(y)
        return x + y


class TimedAttention(nn.Module):
    """A `TimedBlock`, then attention that knows how far frames lie apart."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.resblk = TimedBlock(width)
        self.attn = AttentionBlock(width, heads, residual=True, relative=True)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.attn(self.resblk(x, time))


class DiffusionDecoder(nn.Module):
    """Noisy mels to the noise in them, given what is said and by whom."""

    def __init__(self, config: DiffusionConfig, latent_width: int, n_mels: int) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.inp_block = nn.Conv1d(n_mels, width, 3, padding=1)
        self.time_embed = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.latent_conditioner = nn.Sequential(
            nn.Conv1d(latent_width, width, 3, padding=1), *_attention(width, heads, CODE_LAYERS)
        )
        self.code_norm = nn.GroupNorm(groups(width), width)
        self.contextual_embedder = nn.Sequential(
            nn.Conv1d(n_mels, width, 3, stride=2, padding=1),
            nn.Conv1d(width, 2 * width, 3, stride=2, padding=1),
            *_attention(2 * width, heads, VOICE_LAYERS),
        )
        self.unconditioned_embedding = nn.Parameter(torch.randn(1, width, 1))
        timed = (TimedAttention(width, heads) for _ in range(TIME_LAYERS))
        self.conditioning_timestep_integrator = nn.ModuleList(timed)
        self.integrating_conv = nn.Conv1d(2 * width, width, 1)
        self.layers = nn.ModuleList(
            [TimedAttention(width, heads) for _ in range(config.depth)]
            + [TimedBlock(width) for _ in range(LAST_LAYERS)]
        )
        self.out = nn.Sequential(
            nn.GroupNorm(groups(width), width),
            nn.SiLU(),
            nn.Conv1d(width, 2 * n_mels, 3, padding=1),
        )

    def voice(self, mels: list[Tensor]) -> Tensor:
        """Mels `[1, M, T]` of a speaker's recordings to the voice `[1, 2W]`."""
        return torch.cat([self.contextual_embedder(mel) for mel in mels], dim=-1).mean(-1)

    def said(self, latents: Tensor, voice: Tensor, frames: int) -> Tensor:
        """The GPT's states `[1, K, L]` in a voice `[1, 2W]`, spread over frames: `[1, W, T]`."""
        scale, shift = voice[..., None].chunk(2, dim=1)
        codes = self.code_norm(self.latent_conditioner(latents.transpose(1, 2)))
        return F.interpolate(codes * (1 + scale) + shift, size=frames, mode="nearest")

    def unsaid(self, said: Tensor) -> Tensor:
        """What is there in place of `said` where nothing is known."""
        return self.unconditioned_embedding.expand_as(said)

    def forward(self, x: Tensor, step: int, said: Tensor) -> Tensor:
        """Mels `[B, M, T]` after `step` steps of noise to `[B, 2M, T]`: the noise, its spread."""
        time = self.time_embed(sinusoids(step, self.inp_block.out_channels).to(x))
        for layer in self.conditioning_timestep_integrator:
            said = layer(said, time)
        x = self.integrating_conv(torch.cat([self.inp_block(x), said], dim=1))
        for layer in self.layers:
            x = layer(x, time)
        return self.out(x)


def sinusoids(step: int, width: int) -> Tensor:
    """A number as cosines and sines `[1, W]`, made on the CPU."""
    half = width // 2
    angles = step * torch.exp(-math.log(10_000) * torch.arange(half) / half)
    return torch.cat([angles.cos(), angles.sin()])[None]


def _attention(width: int, heads: int, count: int) -> list[AttentionBlock]:
    return [AttentionBlock(width, heads, residual=True, relative=True) for _ in range(count)]
