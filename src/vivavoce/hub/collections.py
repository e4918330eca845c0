"""Voices of large public collections by a name that tells where they lie.

`collections.toml` as strict values, and what `voices.json` lists where `recipes/voices.py` has made
it: licences, sizes, names for advice. Imports neither torch nor the Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from vivavoce import config
from vivavoce.hub.catalog import Entry

COLLECTIONS = "collections.toml"
LISTED = "voices.json"


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
            raise ValueError(f"'{self.example}' is not an example of its pattern.")

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


@dataclass(frozen=True, kw_only=True)
class ListedVoice:
    """What a public list says of a voice; what it does not say is empty."""

    name: str
    language: str = ""
    licence: str = ""
    size_mb: int = 0
    speakers: int = 1

    def completed(self, found: Entry) -> Entry:
        """The entry with what is known besides."""
        many = f"{self.speakers} speakers" if self.speakers > 1 else ""
        facts = [self.language, f"{self.size_mb} MB" if self.size_mb else "", many]
        notes = ", ".join(fact for fact in facts if fact)
        return replace(
            found,
            licence=self.licence or found.licence,
            notes=f"{notes}. {found.notes}" if notes else found.notes,
        )


@dataclass(frozen=True)
class _Listed:
    voice: tuple[ListedVoice, ...]


@cache
def listed(file: Path | None = None) -> dict[str, ListedVoice]:
    """The listed voices by name; none where there is no list. Raises ConfigError."""
    file = file or Path(str(files("vivavoce.hub"))) / LISTED
    rows = config.load(_Listed, file).voice if file.is_file() else ()
    return {row.name: row for row in rows}


def entry(name: str, file: Path | None = None) -> Entry | None:
    """What a name of a collection stands for; None for other names.

    A voice that the list `file` lacks may be newer than the list: its name says where it lies.
    """
    found = next((one for c in collections() if (one := c.entry(name))), None)
    row = listed(file).get(name) if found else None
    return row.completed(found) if found and row else found


def advice(name: str, file: Path | None = None) -> str:
    """Listed names that have its word in them or in their language, else how such names look.

    Empty for names of no collection.
    """
    alike = next((one for one in collections() if name.startswith(one.prefix)), None)
    if alike is None:
        return ""
    word = name.removeprefix(alike.prefix).casefold()
    known = (one for one in listed(file).values() if one.name.startswith(alike.prefix))
    near = [v.name for v in known if word and word in f"{v.name} {v.language}".casefold()][:5]
    return (
        f"Did you mean {', '.join(near)}?"
        if near
        else f"Its voices are named like {alike.example}."
    )
