"""The decoder that every VITS has inside: which vocoder family that is, and what it is made of.

Models for voice conversion have one too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from torch import Tensor

from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Vocoder

Table = dict[str, Any]
PUBLISHED = ("conv_pre.weight", "ups.0.bias", "conv_post.weight")
SLOPE, LAST_SLOPE = 0.1, 0.01
"""Of its leaky rectifiers: the last one is PyTorch's default, and the weights expect it."""


class DecoderConfig(Protocol):
    """The sizes of the decoder: see the vocoder family's own configuration."""

    @property
    def width(self) -> int: ...
    @property
    def rates(self) -> tuple[int, ...]: ...
    @property
    def kernels(self) -> tuple[int, ...]: ...
    @property
    def block(self) -> int: ...
    @property
    def block_kernels(self) -> tuple[int, ...]: ...
    @property
    def block_dilations(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def condition_dim(self) -> int: ...
    @property
    def hop_length(self) -> int: ...


def family(names: Iterable[str] = PUBLISHED) -> str:
    """The vocoder family that tensors of these names are of; empty if there is none."""
    return VOCODERS.recognise(names)


def adapt(its: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our names, weight norm folded; tensors that are no decoder's stay as they are."""
    found = family(its)
    return VOCODERS.family(found).importer.adapt(its)[0] if found else dict(its)


def config_of(table: Mapping[str, Any], path: str = "decoder") -> DecoderConfig:
    """Raises ConfigError for unknown keys and for sizes that do not fit each other."""
    wanted = VOCODERS.family(family()).model.config_type
    return cast("DecoderConfig", from_dict(wanted, dict(table), path))


def tables_of(its: Mapping[str, Tensor], said: Mapping[str, Any], spec: FeatureSpec) -> Table:
    """The table `vocoder` of a manifest, by the decoder's tensors and, where they are, settings.

    Those are `rates` and `block_dilations`. Raises BadCheckpoint where there is no decoder.
    """
    sizes = VOCODERS.family(family()).importer.config_from_tensors
    if not family(its) or sizes is None:
        raise BadCheckpoint("The decoder of the checkpoint is missing.", "Use the full one.")
    config = config_of(to_dict(sizes(its)) | {k: v for k, v in said.items() if v})
    return {"family": family(), "config": to_dict(config), "features": to_dict(spec)}


def build(config: DecoderConfig, spec: FeatureSpec) -> Vocoder:
    """A decoder with random weights that reads latents of `spec`."""
    wanted: Any = VOCODERS.family(family()).model
    return wanted(config, spec)
