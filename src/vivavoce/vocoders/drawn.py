"""Vocoders that turn noise into samples: the noise travels with the features, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from vivavoce.errors import UsageError
from vivavoce.vocoders.base import Preparation, Vocoder


class NoisyVocoder(Vocoder):
    """A vocoder that needs `noise_channels` standard normal numbers beside each frame."""

    noise_channels: int

    def preparation(self) -> Preparation:
        return DrawnNoise(self.noise_channels)

    def parts(self, features: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """The features and their noise, which is drawn here where nobody has prepared them.

        Raises UsageError for a speaker vector: none of these vocoders takes one.
        """
        if condition is not None:
            raise UsageError("This vocoder accepts no speaker vector.")
        if features.shape[1] == self.accepts.n_channels:
            features = torch.cat(list(self.preparation().push(features)), 2)
        return features[:, : -self.noise_channels], features[:, -self.noise_channels :]


class DrawnNoise(Preparation):
    """Adds noise as further channels: the same numbers for every utterance and in every batch.

    A frame's numbers are drawn on the CPU by themselves, so that they do not depend on the parts
    in which an utterance comes.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.generator = torch.Generator().manual_seed(0)

    def push(self, part: Tensor) -> Iterator[Tensor]:
        rows, _, count = part.shape
        if count:
            frames = [torch.randn(self.channels, generator=self.generator) for _ in range(count)]
            noise = torch.stack(frames, 1).expand(rows, -1, -1)
            part = torch.cat([part, noise.to(part)], 1)
            yield part
