"""The models known by name: `catalog.toml` and `coqui.toml` as strict values.

Imports neither torch nor the Hub.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from vivavoce import config
from vivavoce.errors import ConfigError, near_misses
from vivavoce.hub import coqui
from vivavoce.hub.address import Source, hf

CATALOG = "catalog.toml"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model or vocoder. What nobody has stated is left empty, never guessed.

    `languages` are BCP 47 codes, `sample_rate` is in Hz (0: see the model's own configuration),
    `parameters` counts weights, `vocoder` names another entry. `files` lie in the Hugging Face
    repository `repo` at `revision`; `sha256` maps some of them to their checksums. Where
    `all_files`, their names are not known and the repository is asked for them. `bundled` names a
    folder inside this package instead, `archive` the address of a zip. An entry with none of these
    has to be imported by path. `as_published`: its maker runs it with its vocoder although their
    features differ.
    `variant` is a word for the family's own use, where the weights alone do not tell what they are.
    `aliases` are the names that other toolkits give to the same model.
    """

    name: str
    kind: Literal["acoustic", "vocoder", "converter"]
    family: str
    repo: str = ""
    revision: str = ""
    files: tuple[str, ...] = ()
    sha256: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    languages: tuple[str, ...] = ()
    vocoder: str = ""
    sample_rate: int = 0
    parameters: int = 0
    notes: str = ""
    bundled: str = ""
    all_files: bool = False
    archive: str = ""
    as_published: bool = False
    variant: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(map(bool, (self.repo, self.bundled, self.archive))) > 1:
            raise ValueError(
                f"'{self.name}' is both bundled and in a repository, or in an archive."
            )
        if bool(self.repo) != (bool(self.files) or self.all_files):
            raise ValueError(f"'{self.name}' needs a repository and files, or neither.")
        if not set(self.sha256) <= set(self.files):
            raise ValueError(f"'{self.name}' has a checksum of a file it does not list.")

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the files are fetched from; empty when bundled or only importable."""
        return tuple(hf(self.repo, file, self.revision) for file in self.files)

    @property
    def fetchable(self) -> bool:
        """Whether an address is known for it."""
        return bool(self.repo or self.archive)

    @property
    def folder(self) -> Path | None:
        """The folder of a bundled model (it may be absent from a source checkout)."""
        return Path(str(files("vivavoce"))) / "bundled" / self.bundled if self.bundled else None


@dataclass(frozen=True)
class _Catalog:
    model: tuple[Entry, ...]


@cache
def entries(file: Path | None = None) -> tuple[Entry, ...]:
    """Every entry, in the file's order; a file is read once.

    Raises ConfigError where it contradicts itself.
    """
    found = config.load(_Catalog, file or Path(str(files("vivavoce.hub"))) / CATALOG).model
    if file is None:
        rows = coqui.usable()
        vocoders = {*(row.name for row in rows), *(one.name for one in found)}
        found += tuple(Entry(**row.facts(vocoders)) for row in rows)
    names = Counter(name for entry in found for name in (entry.name, *entry.aliases))
    vocoders = {entry.name for entry in found if entry.kind == "vocoder"}
    for name, count in names.items():
        if count > 1:
            raise ConfigError(f"The catalogue has '{name}' more than once.")
    for entry in found:
        if entry.vocoder and entry.vocoder not in vocoders:
            raise ConfigError(
                f"'{entry.name}' names the vocoder '{entry.vocoder}', which the catalogue lacks.",
                near_misses(entry.vocoder, vocoders),
            )
    return found


def at(place: Source) -> tuple[Entry, ...]:
    """The entries whose weights are this file of the Hub, or in this folder or repository.

    The revision does not matter.
    """
    folder = f"{place.file}/" if place.file else ""
    return tuple(
        entry
        for entry in entries()
        if entry.repo == place.repo
        and (place.file in entry.files or any(f.startswith(folder) for f in entry.files[:1]))
    )
