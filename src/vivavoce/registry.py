"""The table of families: a name leads to a folder, and the folder says what the family is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from vivavoce.errors import ConfigError, UnknownModel, UsageError, near_misses
from vivavoce.types import Voice, Workload

if TYPE_CHECKING:
    from torch import Tensor

    from vivavoce.checkpoints.importer import Importer  # imports torch


class Buildable(Protocol):
    """A module class that builds itself from the tables of a stored manifest."""

    @classmethod
    def build(cls, manifest: Mapping[str, Any]) -> Self: ...


M = TypeVar("M", bound=Buildable)
Exporter = Callable[[Mapping[str, Any], Mapping[str, Any], Path], list[Path]]


@dataclass(frozen=True, kw_only=True)
class Family(Generic[M]):
    """What `family.py` in a family's folder states, as its `FAMILY`.

    `workloads()` are named pieces of work at stated sizes, for the audit and the self-test.
    `make_voice` makes a voice from recordings if that needs no weights; its arguments are those
    of `AcousticModel.make_voice`. `voice_of_arrays` makes one from the name and the arrays of an
    .npz file, or returns None if they are not the family's. `exporters` write a stored model as
    another program's files to a path, and return the files written. A family that can be
    trained has a module `train` beside it, with `build_task(tables, speakers)`.
    """

    model: type[M]
    importer: Importer
    workloads: Callable[[], dict[str, Workload]]
    make_voice: Callable[..., Voice] | None = None
    voice_of_arrays: Callable[[str, Mapping[str, Tensor]], Voice | None] | None = None
    exporters: Mapping[str, Exporter] = field(default_factory=dict)


class Registry(Generic[M]):
    """Families by name. `folders` maps each name to the package that holds `family.py`.

    Looking up a name imports the family and torch; listing the names imports neither.
    """

    def __init__(self, kind: str, folders: Mapping[str, str]) -> None:
        self.kind, self.folders = kind, dict(folders)

    def __contains__(self, name: str) -> bool:
        return name in self.folders

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.folders)

    def family(self, name: str) -> Family[M]:
        """Raises UnknownModel, with the nearest names, for a family that is not in the table."""
        return importlib.import_module(f"{self._folder(name)}.family").FAMILY

    def options(self, name: str) -> type[Any] | None:
        """The frozen dataclass of generation options, or None. Does not import torch."""
        return getattr(importlib.import_module(f"{self._folder(name)}.config"), "OPTIONS", None)

    def build_task(self, name: str) -> Callable[..., Any]:
        """The family's `build_task`. Raises ConfigError if it cannot be trained."""
        return self.training(name).build_task

    def training(self, name: str) -> ModuleType:
        """The family's module `train`. Raises ConfigError if it has none."""
        module = f"{self._folder(name)}.train"
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise ConfigError(f"The family '{name}' cannot be trained yet.") from error

    def graph(self, name: str) -> Any:
        """The family's module `onnx`. Raises UsageError if it has none."""
        module = f"{self._folder(name)}.onnx"
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise UsageError(
                f"The {self.kind} family '{name}' cannot be exported to ONNX.",
                "`vivavoce models list` shows the family of each model.",
            ) from error

    def recognise(self, names: Iterable[str]) -> str:
        """The first family whose importer recognises tensors of these names, or ""."""
        listed = tuple(names)
        return next((n for n in self.names if self.family(n).importer.recognises(listed)), "")

    def workloads(self) -> dict[str, Workload]:
        """Every family's workloads, as `family.name`."""
        return {
            f"{name}.{key}": replace(work, name=f"{name}.{key}")
            for name in self.names
            for key, work in self.family(name).workloads().items()
        }

    def _folder(self, name: str) -> str:
        if name not in self.folders:
            raise UnknownModel(
                f"There is no {self.kind} family '{name}'.", near_misses(name, self.folders)
            )
        return self.folders[name]
