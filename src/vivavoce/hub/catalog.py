"""The models known by name: `catalog.toml` as strict values. Imports neither torch nor the Hub."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from vivavoce import config
from vivavoce.errors import ConfigError, UnknownModel, near_misses
from vivavoce.hub import address as source
from vivavoce.hub.address import Source

CATALOG = "catalog.toml"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model or vocoder. What nobody has stated is left empty, never guessed.

    `languages` are BCP 47 codes, `sample_rate` is in Hz (0: see the model's own configuration),
    `parameters` counts weights, `vocoder` names another entry. `files` lie in the Hugging Face
    repository `repo` at `revision`; `sha256` maps some of them to their checksums. `bundled`
    names a folder inside this package instead. An entry with neither has to be imported by path.
    `variant` is a word for the family's own use, where the weights alone do not tell what they are.
    """

    name: str
    kind: Literal["acoustic", "vocoder"]
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
    variant: str = ""

    def __post_init__(self) -> None:
        if self.repo and self.bundled:
            raise ValueError(f"'{self.name}' is both bundled and in a repository.")
        if bool(self.repo) != bool(self.files):
            raise ValueError(f"'{self.name}' needs a repository and files, or neither.")
        if not set(self.sha256) <= set(self.files):
            raise ValueError(f"'{self.name}' has a checksum of a file it does not list.")

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the files are fetched from; empty when bundled or only importable."""
        return tuple(source.hf(self.repo, file, self.revision) for file in self.files)

    @property
    def announcement(self) -> str:
        """What is said before the first download: whence, and under which licence."""
        licence = self.licence or "not stated; ask its makers before you use it"
        return f"{self.name} from {self.repo or 'this package'}, licence: {licence}."

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
    names = Counter(entry.name for entry in found)
    vocoders = {entry.name for entry in found if entry.kind == "vocoder"}
    for entry in found:
        if names[entry.name] > 1:
            raise ConfigError(f"The catalogue has '{entry.name}' more than once.")
        if entry.vocoder and entry.vocoder not in vocoders:
            raise ConfigError(
                f"'{entry.name}' names the vocoder '{entry.vocoder}', which the catalogue lacks.",
                near_misses(entry.vocoder, vocoders),
            )
    return found


def at(place: Source) -> Entry | None:
    """The entry that lists this file of the Hub, whatever its revision."""
    same = ((entry, source) for entry in entries() for source in entry.sources)
    listed = (entry for entry, s in same if (s.repo, s.file) == (place.repo, place.file))
    return next(listed, None)


def resolve(name: str, kind: str = "") -> Entry:
    """The entry of that name (and kind, if given). Raises UnknownModel with the nearest names."""
    known = {entry.name: entry for entry in entries() if not kind or entry.kind == kind}
    if name not in known:
        what = kind if kind == "vocoder" else "model"
        raise UnknownModel(f"No {what} is called '{name}'.", near_misses(name, known))
    return known[name]
