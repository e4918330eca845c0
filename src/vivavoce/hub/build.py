"""Stored -> modules: a model, and the vocoder that some models bring along.

Such a model's manifest has a table `vocoder` instead of a name; the vocoder's tensors lie beside
the model's, under a prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from vivavoce.checkpoints.remap import strict_load, under, without_numbers
from vivavoce.config import to_dict
from vivavoce.converters import CONVERTERS
from vivavoce.converters.base import ConversionModel
from vivavoce.errors import BadCheckpoint
from vivavoce.hub.address import parse
from vivavoce.hub.read import Stored
from vivavoce.limits import guard
from vivavoce.models import MODELS
from vivavoce.models.base import AcousticModel
from vivavoce.types import FeatureSpec
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Vocoder

PREFIX = "vocoder."


def split(stored: Stored) -> tuple[Stored, Stored | None]:
    """The model alone, and the vocoder that it brings along, under the model's name."""
    table = stored.manifest.get("vocoder")
    if not isinstance(table, dict):
        return stored, None
    name = stored.manifest.get("name", "")
    manifest = {"kind": "vocoder", "name": name, **table}
    own = {key: t for key, t in stored.tensors.items() if not key.startswith(PREFIX)}
    return Stored(stored.manifest, own), Stored(manifest, under(stored.tensors, PREFIX))


def named_vocoder(stored: Stored) -> str:
    """The vocoder that the manifest names; empty where it names none.

    Raises BadCheckpoint for an address: what a file says must not cause a request.
    """
    name = str(stored.manifest.get("vocoder") or "")
    if "://" in name and (source := parse(name)) and source.kind != "path":
        raise BadCheckpoint(
            f"The manifest of '{stored.manifest['name']}' names an address as its vocoder: {name}.",
            "If you trust it, pass it with --vocoder.",
        )
    return name


def acoustic(stored: Stored) -> AcousticModel[Any]:
    """The module with its tensors in it, not copied where they fit. Raises BadCheckpoint."""
    with _building(stored):
        module = MODELS.family(stored.manifest["family"]).model.build(stored.manifest)
    strict_load(module, stored.tensors)
    return module


def vocoder(stored: Stored) -> Vocoder:
    """As `acoustic`."""
    with _building(stored):
        module = VOCODERS.family(stored.manifest["family"]).model.build(stored.manifest)
    strict_load(module, stored.tensors)
    return module


def fitted(stored: Stored, features: FeatureSpec) -> Stored:
    """A vocoder that fits any model, for a model of these features; another as it is."""
    if not VOCODERS.family(stored.manifest["family"]).model.fits_any:
        return stored
    return Stored({**stored.manifest, "features": to_dict(features)}, stored.tensors)


def converter(stored: Stored) -> ConversionModel:
    """As `acoustic`."""
    with _building(stored):
        module = CONVERTERS.family(stored.manifest["family"]).model.build(stored.manifest)
    strict_load(module, stored.tensors)
    return module


BUILDERS: dict[str, Callable[[Stored], nn.Module]] = {
    "acoustic": acoustic,
    "vocoder": vocoder,
    "converter": converter,
}


def checked(stored: Stored) -> Stored:
    """The same, once every part has taken its tensors. Raises BadCheckpoint."""
    own, its = split(stored)
    module = BUILDERS[own.manifest["kind"]](own)
    tensors: dict[str, Tensor] = dict(module.state_dict())
    if its is not None:
        tensors |= {f"{PREFIX}{key}": t for key, t in vocoder(its).state_dict().items()}
    return Stored(stored.manifest, tensors)


@contextmanager
def _building(stored: Stored) -> Iterator[None]:
    """Sizes in a manifest are not believed before the number of tensors agrees."""
    what = f"The manifest of '{stored.manifest.get('name', '')}'"
    with guard(what), without_numbers(len(stored.tensors)):
        yield
