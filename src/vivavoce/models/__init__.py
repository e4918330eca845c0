"""Text and voice to features. This table is the only place that names the model families."""

from __future__ import annotations

import importlib
from dataclasses import replace
from types import ModuleType

from vivavoce.errors import UnknownModel, near_misses
from vivavoce.types import Workload

FAMILIES = {
    "f5": "vivavoce.models.f5",
    "glow": "vivavoce.models.glow",
}


def family(name: str) -> ModuleType:
    """The family's package: `build(manifest)`, `convert`, `workloads`.

    Raises UnknownModel, with the nearest names, for a family that is not in the table.
    """
    if name not in FAMILIES:
        raise UnknownModel(f"There is no model family '{name}'.", near_misses(name, FAMILIES))
    return importlib.import_module(FAMILIES[name])


def cloning_families() -> list[str]:
    """Families that make voices from recordings: their package has `make_voice`.

    Such a package has `describe_voice(voice) -> dict` too: facts for people.
    """
    return [name for name in FAMILIES if hasattr(family(name), "make_voice")]


def workloads() -> dict[str, Workload]:
    """Every family's workloads, as `family.name`."""
    return {
        f"{name}.{key}": replace(work, name=f"{name}.{key}")
        for name in FAMILIES
        for key, work in family(name).workloads.workloads().items()
    }
