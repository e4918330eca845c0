"""Vocoders that need all of an utterance's features before the first sample."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from vivavoce.errors import UsageError
from vivavoce.vocoders.base import Preparation, Vocoder


class WholeVocoder(Vocoder):
    """Its samples are made by its `Preparation`: `decode` then only lays them out."""

    receptive_field = 0

    @abstractmethod
    def synthesise(self, features: Tensor) -> Tensor:
        """Features `[B, C, T]` of whole utterances to samples `[B, T * hop]`."""

    def preparation(self) -> Preparation:
        return WholeUtterance(self)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Also takes what `preparation` gave: then nothing is left to compute."""
        if condition is not None:
            raise UsageError("This vocoder accepts no speaker vector.")
        if features.shape[1] == self.accepts.n_channels:
            return self.synthesise(features)
        return features.transpose(1, 2).flatten(1)


class WholeUtterance(Preparation):
    """Waits for all of an utterance, then gives its samples: `hop` of them a frame."""

    def __init__(self, vocoder: WholeVocoder) -> None:
        self.vocoder, self.parts = vocoder, list[Tensor]()

    def push(self, part: Tensor) -> Iterator[Tensor]:
        self.parts.append(part)
        return iter(())

    def finish(self) -> Iterator[Tensor]:
        features = torch.cat(self.parts, 2) if self.parts else None
        if features is not None and features.shape[2]:
            samples = self.vocoder.synthesise(features)
            yield samples.unflatten(1, (-1, self.vocoder.accepts.hop_length)).transpose(1, 2)
