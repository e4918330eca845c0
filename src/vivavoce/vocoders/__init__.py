"""Features to waveform. This table is the only place that names the vocoder families."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType

from vivavoce.errors import UnknownModel, near_misses
from vivavoce.types import Workload

FAMILIES = {
    "bigvgan": "vivavoce.vocoders.bigvgan",
    "hifigan": "vivavoce.vocoders.hifigan",
    "vocos": "vivavoce.vocoders.vocos",
}


def family(name: str) -> ModuleType:
    """The family's package: `build(config_dict)`, `convert`, `workloads`.

    Raises UnknownModel, with the nearest names, for a family that is not in the table.
    """
    if name not in FAMILIES:
        raise UnknownModel(f"There is no vocoder family '{name}'.", near_misses(name, FAMILIES))
    return importlib.import_module(FAMILIES[name])


def recognise(names: Iterable[str]) -> str:
    """The family that tensors of these names are of, alone or taken out of a model; else empty."""
    names = tuple(names)
    return next((name for name in FAMILIES if family(name).convert.recognises(names)), "")


def workloads() -> dict[str, Workload]:
    """Every family's workloads, as `family.name`."""
    return {
        f"{name}.{key}": replace(work, name=f"{name}.{key}")
        for name in FAMILIES
        for key, work in family(name).workloads.workloads().items()
    }
