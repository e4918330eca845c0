"""Sizes of a speaker encoder, and how its tensors tell them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


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
