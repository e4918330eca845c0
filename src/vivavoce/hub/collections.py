"""Voices of large public collections by a name that tells where they lie: no list to keep.

`collections.toml` as strict values. Imports neither torch nor the Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from vivavoce import config
from vivavoce.hub.catalog import Entry

COLLECTIONS = "collections.toml"


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Names that `pattern` matches whole, such as `example`; the other fields are an `Entry`'s.

    In them `{group}` stands for what the pattern's group of that name matched.
    """

    pattern: str
    example: str
    family: str
    repo: str
    files: tuple[str, ...]
    licence: str = ""
    languages: tuple[str, ...] = ()
    variant: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(self.pattern, self.example):
            raise ValueError(f"'{self.example}' is no example of its pattern.")

    @property
    def prefix(self) -> str:
        return self.example.partition("/")[0] + "/"

    def entry(self, name: str) -> Entry | None:
        match = re.fullmatch(self.pattern, name)
        if match is None:
            return None
        groups = match.groupdict()
        return Entry(
            name=name,
            kind="acoustic",
            family=self.family,
            repo=self.repo.format(**groups),
            files=tuple(file.format(**groups) for file in self.files),
            licence=self.licence,
            languages=tuple(code.format(**groups) for code in self.languages),
            variant=self.variant.format(**groups),
            notes=self.notes,
        )


@dataclass(frozen=True)
class _Collections:
    collection: tuple[Collection, ...]


@cache
def collections() -> tuple[Collection, ...]:
    """Every collection. Raises ConfigError where the file contradicts itself."""
    file = Path(str(files("vivavoce.hub"))) / COLLECTIONS
    return config.load(_Collections, file).collection


def entry(name: str) -> Entry | None:
    """What a name of a collection stands for; None for other names."""
    found = (collection.entry(name) for collection in collections())
    return next((one for one in found if one), None)


def advice(name: str) -> str:
    """How names look in the collection that a name begins like; empty for other names."""
    alike = (one for one in collections() if name.startswith(one.prefix))
    return next((f"Its voices are named like {one.example}." for one in alike), "")
