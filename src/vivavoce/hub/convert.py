"""A foreign checkpoint, through the one door: our manifest and names, in memory or in our store.

Knows no family's names: those are in each family's `convert` module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vivavoce.checkpoints import read as checkpoint
from vivavoce.checkpoints import store
from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.text_file import read_table, read_text
from vivavoce.errors import BadCheckpoint, UnknownModel, near_misses
from vivavoce.hub import parts
from vivavoce.hub import paths as cache
from vivavoce.hub.foreign import Foreign, is_config
from vivavoce.limits import guard
from vivavoce.models import MODELS
from vivavoce.registry import Family
from vivavoce.vocoders import VOCODERS

WEIGHTS_INSIDE = ("ema_model_state_dict", "model", "generator", "model_state_dict", "state_dict")


def read(found: Foreign, family: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The manifest (without a name) and the tensors under our names, checked but not copied.

    Without `family`, each is asked whether it recognises the tensors. Raises UnknownModel for the
    family, BadCheckpoint.
    """
    tensors = checkpoint.read(found.weights, WEIGHTS_INSIDE).tensors
    # Each number is looked at once, a tensor at a time: 0.1 s for 1.3 GB, and no memory stays.
    with guard(found.weights):
        checkpoint.refuse_not_finite(tensors.items())
    family = _confirmed(family, found.weights, tensors) or recognise(found.weights, tensors)
    kind, package = _package(family)
    needed = package.importer.config_needed
    config = found.config(needed)
    if config is None and needed:
        raise BadCheckpoint(
            f"There is no configuration beside {found.weights}.",
            "Put its config.json into the same folder, or name it with --config config.json.",
        )
    foreign = read_table(config) if config else {}
    # Settings of a wrong type or size break whoever believes them: one guard for every family.
    with guard(config or found.weights, advice="Check the configuration beside the weights."):
        return _adapted(found, (kind, family, package), foreign, tensors, config)


def _adapted(
    found: Foreign,
    of: tuple[str, str, Any],
    foreign: dict[str, Any],
    tensors: dict[str, Tensor],
    config: Path | None,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    kind, family, package = of
    around = (config or found.weights).parent
    statistics = checkpoint.statistics_beside(
        around, (foreign.get("audio") or {}).get("stats_path")
    )
    known, beside = _known(found, package.importer.companions, tensors)
    checkpoint.refuse_not_finite(beside.items())
    tensors |= beside
    tables = package.importer.tables(foreign | {"found": known}, tensors, statistics)
    ours, _ = package.importer.adapt(tensors)
    named = {"speakers": names} if (names := speaker_names(around, foreign)) else {}
    manifest = {"kind": kind, "family": family, "licence": found.licence}
    return manifest | tables | named, ours


def adapted(file: Path, family: str) -> dict[str, Tensor]:
    """Only the tensors under our names, of a checkpoint whose manifest we have."""
    _, package = _package(family)
    with guard(file):
        return package.importer.adapt(checkpoint.read(file, WEIGHTS_INSIDE).tensors)[0]


def to_store(found: Foreign, family: str, name: str, copy: bool = True) -> Path:
    """Read, check by loading strictly, store; the new model folder.

    Without `copy` the folder only says where the weights lie. Raises as `read`.
    """
    if not found.weights.is_file():
        _package(family)
        raise BadCheckpoint(f"There is no file {found.weights}.", "Check the path.")
    manifest, ours = read(found, family)
    _, package = _package(manifest["family"])
    folder = cache.models() / _safe(name)
    manifest |= {"name": folder.name}
    # What lies in several files is kept in one of ours.
    copy |= any(companion.tensors for companion in package.importer.companions.values())
    stored = parts.checked(manifest, ours)
    store.save(folder, manifest, stored, source="" if copy else str(found.source))
    return folder


def recognise(file: Path, tensors: dict[str, Tensor]) -> str:
    """The family these names belong to. Raises UnknownModel."""
    if family := _recognised(tensors):
        return family
    some = ", ".join(list(tensors)[:3])
    raise UnknownModel(
        f"{file} is of no family known here (it has tensors such as {some}).",
        f"Known: {', '.join((*MODELS.names, *VOCODERS.names))}.",
    )


def _recognised(tensors: dict[str, Tensor]) -> str:
    """The first family that knows these names, or nothing."""
    families = (*MODELS.names, *VOCODERS.names)
    return next((f for f in families if _package(f)[1].importer.recognises(tensors)), "")


def _confirmed(family: str, file: Path, tensors: dict[str, Tensor]) -> str:
    """The family that was asked for. Raises BadCheckpoint where it is plainly another's file."""
    if family and not _package(family)[1].importer.recognises(tensors):
        other = _recognised(tensors)
        if other:
            raise BadCheckpoint(
                f"{file} is not of the family '{family}', but of '{other}'.",
                f"Import it with --as {other}.",
            )
    return family


def _known(
    found: Foreign, companions: Mapping[str, Companion], tensors: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a family may want to know besides the configuration: plain data, and more tensors.

    A companion's tensors are named by their place in it: `speakers/NAME/embedding`.
    """
    known: dict[str, Any] = {"source": str(found.source), "variant": found.variant}
    beside: dict[str, Tensor] = {}
    for key, wanted in companions.items():
        if wanted.unless and any(name.endswith(wanted.unless) for name in tensors):
            continue
        file = found.companion(wanted)
        if file is not None and wanted.tensors:
            beside |= checkpoint.scattered(file, key)
        elif file is not None:
            known[key] = read_text(file)
    return known, beside


def speaker_names(folder: Path, foreign: dict[str, Any]) -> list[str]:
    """Names in the order of the embedding's rows, from the speaker file beside a configuration.

    Coqui writes `{name: row}` as JSON or as a pickle. Empty when there is no such file.
    """
    arguments = foreign.get("model_args") or {}
    wanted = foreign.get("speakers_file") or arguments.get("speakers_file") or ""
    if not isinstance(wanted, str):
        raise BadCheckpoint("'speakers_file' is no name of a file.")
    for name in (Path(wanted).name, "speaker_ids.json", "speakers.json", "speakers.pth"):
        file = folder / name
        if not name or not file.is_file():
            continue
        table = read_table(file) if is_config(file) else checkpoint.plain_value(file)
        if isinstance(table, dict) and all(isinstance(row, int) for row in table.values()):
            names = sorted((row, key) for key, row in table.items() if isinstance(key, (str, int)))
            return [str(key) for _, key in names]
    return []


def _package(family: str) -> tuple[str, Family[Any]]:
    if family in MODELS:
        return "acoustic", MODELS.family(family)
    if family in VOCODERS:
        return "vocoder", VOCODERS.family(family)
    known = [*MODELS.names, *VOCODERS.names]
    raise UnknownModel(f"There is no family '{family}'.", near_misses(family, known))


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"
