"""Vocos in MLX. Shapes: B rows, C channels, T frames, D width, F bins, S samples."""

from __future__ import annotations

import mlx.core as mx
import torch
from mlx import nn as layers
from torch import Tensor, nn

from vivavoce.audio import tables
from vivavoce.nn.convolution import ConvNeXtBackbone, ConvNeXtBlock
from vivavoce.runtime.mlx import Convolution, MlxFormat, Product, RowNorm, to_mlx, to_torch
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.vocos.config import LOUDEST_MAGNITUDE


class MlxVocos:
    """`Vocos.decode`, of its backbone and its head."""

    def __init__(self, backbone: ConvNeXtBackbone, head: nn.Linear, spec: FeatureSpec) -> None:
        self.embed, self.norm = Convolution(backbone.embed), RowNorm(backbone.norm)
        self.blocks = [MlxConvNeXt(b) for b in backbone.blocks if isinstance(b, ConvNeXtBlock)]
        self.final_norm = RowNorm(backbone.final_norm)
        self.head, self.spec = Product(head, MlxFormat()), spec
        window = tables.window(self.spec.window, self.spec.win_length, self.spec.n_fft)
        self.window = to_mlx(torch.tensor(window).float())

    def __call__(self, features: Tensor, _condition: Tensor | None) -> Tensor:
        x = self.norm(self.embed(to_mlx(features.transpose(1, 2))))
        for block in self.blocks:
            x = block(x)
        log_magnitude, phase = mx.split(self.head(self.final_norm(x)), 2, -1)
        magnitude = mx.minimum(mx.exp(log_magnitude), LOUDEST_MAGNITUDE)
        return to_torch(self._samples(magnitude * mx.cos(phase), magnitude * mx.sin(phase)))

    def _samples(self, real: mx.array, imag: mx.array) -> mx.array:
        """`[B, T, F]` to `[B, S]`: `audio.stft.istft`."""
        spec = self.spec
        n, hop = spec.n_fft, spec.hop_length
        inner = (mx.arange(real.shape[2]) > 0) & (mx.arange(real.shape[2]) * 2 < n)
        frames = mx.fft.irfft(real + 1j * mx.where(inner, imag, 0.0), n) * self.window
        envelope = mx.broadcast_to(mx.square(self.window), (1, *frames.shape[1:]))
        added, weights = (self._overlapped(one, hop) for one in (frames, envelope))
        start = n // 2 if spec.framing == "center" else (n - hop) // 2
        steps = real.shape[1] - (spec.framing == "center")
        kept = slice(start, start + steps * hop)
        return added[:, kept] / weights[:, kept]

    @staticmethod
    def _overlapped(frames: mx.array, hop: int) -> mx.array:
        """`[B, T, N]`, each a hop later than the one before, added."""
        n_rows, n_frames, n = frames.shape
        per_frame = -(-n // hop)
        frames = mx.pad(frames, [(0, 0), (0, 0), (0, per_frame * hop - n)])
        parts = frames.reshape(n_rows, n_frames, per_frame, hop)
        rows = [
            mx.pad(parts[:, :, shift], [(0, 0), (shift, per_frame - 1 - shift), (0, 0)])
            for shift in range(per_frame)
        ]
        return sum(rows[1:], rows[0]).reshape(n_rows, -1)


class MlxConvNeXt:
    """A block over `[B, T, D]`."""

    def __init__(self, theirs: ConvNeXtBlock) -> None:
        self.depthwise, self.norm = Convolution(theirs.depthwise), RowNorm(theirs.norm)
        self.expand = Product(theirs.expand, MlxFormat())
        self.contract, self.scale = Product(theirs.contract, MlxFormat()), to_mlx(theirs.scale)

    def __call__(self, x: mx.array) -> mx.array:
        wide = layers.gelu(self.expand(self.norm(self.depthwise(x))))
        return x + self.scale * self.contract(wide)
