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
    "xtts": "vivavoce.models.xtts",
}


def family(name: str) -> ModuleType:
    """The family's package: `build(manifest)`, `convert`, `workloads`.

    Raises UnknownModel, with the nearest names, for a family that is not in the table.
    """
    if name not in FAMILIES:
        raise UnknownModel(f"There is no model family '{name}'.", near_misses(name, FAMILIES))
    return importlib.import_module(FAMILIES[name])


def cloning_families() -> list[str]:
    """Families that speak with voices made from recordings.

    The package of such a family has `describe_voice(voice) -> dict`, facts for people, and either
    `make_voice` or `voices_need_weights = True`: then a model that is loaded makes them.
    """
    return [name for name in FAMILIES if _clones(family(name))]


def _clones(package: ModuleType) -> bool:
    return hasattr(package, "make_voice") or getattr(package, "voices_need_weights", False)


def workloads() -> dict[str, Workload]:
    """Every family's workloads, as `family.name`."""
    return {
        f"{name}.{key}": replace(work, name=f"{name}.{key}")
        for name in FAMILIES
        for key, work in family(name).workloads.workloads().items()
    }
