"""What Coqui released, by Coqui's names: `coqui.toml` as strict values.

Entries of families that this version does not have are kept, so that their names can be explained.
Imports neither torch nor the Hub.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from vivavoce import config
from vivavoce.converters import CONVERTERS
from vivavoce.errors import UnknownModel
from vivavoce.models import MODELS
from vivavoce.vocoders import VOCODERS

COQUI = "coqui.toml"
_TABLES = {"acoustic": MODELS, "vocoder": VOCODERS, "converter": CONVERTERS}
"""The families that are here, by what they make."""
_RELEASES = "https://github.com/{owner}/releases/download/{release}/{file}.zip"


@dataclass(frozen=True, kw_only=True)
class CoquiEntry:
    """One of Coqui's entries; the fields that an `Entry` has too mean the same there.

    `release` is the GitHub release whose zip holds it, of coqui-ai/TTS or as `owner/name@release`;
    the zip is called `file`, or as the entry. The files of `repo` are `files`, or all that there
    are.
    """

    coqui: str
    name: str
    family: str
    licence: str
    languages: tuple[str, ...] = ()
    release: str = ""
    file: str = ""
    repo: str = ""
    files: tuple[str, ...] = ()
    vocoder: str = ""
    parameters: int = 0
    notes: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def archive(self) -> str:
        """The address of the zip; empty for an entry on the Hub."""
        if not self.release:
            return ""
        owner, _, release = self.release.rpartition("@")
        name = self.file or self.coqui.replace("/", "--")
        return _RELEASES.format(owner=owner or "coqui-ai/TTS", release=release, file=name)

    @property
    def kind(self) -> str:
        """What the family makes; empty where it is not here."""
        return next((kind for kind, table in _TABLES.items() if self.family in table), "")

    def facts(self, vocoders: Container[str]) -> dict[str, Any]:
        """The fields of the catalogue's entry; its vocoder if that is one of these names."""
        vocoder = self.vocoder if self.vocoder in vocoders else ""
        return {
            "name": self.name,
            "kind": self.kind,
            "family": self.family,
            "repo": self.repo,
            "files": self.files,
            "all_files": bool(self.repo and not self.files),
            "archive": self.archive,
            "licence": self.licence,
            "languages": self.languages,
            "vocoder": vocoder,
            "as_published": bool(vocoder),
            "parameters": self.parameters,
            "notes": self.notes or f"Coqui's {self.coqui}.",
            "aliases": (self.coqui, *self.aliases),
        }


@dataclass(frozen=True)
class _Coqui:
    entry: tuple[CoquiEntry, ...]


@cache
def entries() -> tuple[CoquiEntry, ...]:
    """Every entry, in the file's order. Raises ConfigError where the file contradicts itself."""
    return config.load(_Coqui, Path(str(package_files("vivavoce.hub"))) / COQUI).entry


def usable() -> tuple[CoquiEntry, ...]:
    """Those whose family is here."""
    return tuple(row for row in entries() if row.kind)


def refuse_missing(text: str) -> None:
    """Raises UnknownModel for a name of Coqui's, or ours, whose family is not here."""
    typed = text.replace("--", "/")
    row = next((one for one in entries() if typed in (one.coqui, one.name)), None)
    if row is not None and not row.kind:
        raise UnknownModel(
            f"'{text}' is of the family '{row.family}', which is not implemented.",
            "`vivavoce models list` shows what can be used.",
        )
