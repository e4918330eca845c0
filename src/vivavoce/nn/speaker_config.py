"""Sizes of the two speaker encoders, and how their tensors tell them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from vivavoce.types import FeatureSpec


@dataclass(frozen=True, kw_only=True)
class SpeakerConfig:
    """The speaker encoder: `blocks` and `channels` of its four stages, `width` of what it gives."""

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    channels: tuple[int, ...] = (32, 64, 128, 256)
    n_mels: int = 64
    width: int = 512

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """By the shapes of its tensors. Raises KeyError for one that is missing."""
        stages = sorted({name.split(".")[0] for name in shapes if name.startswith("layer")})
        blocks = tuple(
            len({name.split(".")[1] for name in shapes if name.startswith(f"{stage}.")})
            for stage in stages
        )
        channels = tuple(shapes[f"{stage}.0.conv1.weight"][0] for stage in stages)
        bands = shapes["attention.0.weight"][1]
        return cls(
            blocks=blocks,
            channels=channels,
            n_mels=8 * bands // max(1, channels[-1]) if channels else 0,
            width=shapes["fc.weight"][0],
        )


@dataclass(frozen=True, kw_only=True)
class LstmSpeakerConfig:
    """The recurrent speaker encoder: `layers` of `hidden` units, and vectors of `width` numbers.

    Each layer is `projected` to that width, or only the last one. A recording is heard as
    `features`, in `windowed` parts of some seconds or all of it at once.
    """

    features: FeatureSpec
    windowed: bool = False
    hidden: int = 768
    layers: int = 3
    width: int = 256
    projected: bool = True

    def __post_init__(self) -> None:
        if min(self.hidden, self.width) < 1 or not 1 <= self.layers <= 100:
            raise ValueError("widths must be at least 1, layers 1 to 100")

    @property
    def n_mels(self) -> int:
        return self.features.n_mels

    @classmethod
    def of(
        cls, shapes: Mapping[str, tuple[int, ...]], features: FeatureSpec, windowed: bool
    ) -> Self:
        """By the shapes of its tensors. Raises KeyError for one that is missing."""
        projected = "layers.linear.weight" not in shapes
        last = "layers.0." if projected else "layers."
        width, hidden = shapes[f"{last}linear.weight"]
        layers = sum("lstm.weight_hh_l" in name for name in shapes)
        return cls(
            features=features,
            windowed=windowed,
            hidden=hidden,
            layers=layers,
            width=width,
            projected=projected,
        )
