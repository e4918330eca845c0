"""What a data set says: which words are in which recording, and what of it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["reject", "check"]
"""`reject`: left out. `check`: kept, and listed so that somebody looks."""


@dataclass(frozen=True)
class Defect:
    """`name` groups problems of one kind; `message` and `remedy` are sentences."""

    name: str
    message: str
    remedy: str
    severity: Severity = "reject"


@dataclass(frozen=True)
class SourceRow:
    """A recording, or the part from `start_s` to `end_s` (None: the end), and the words in it.

    `text` is empty where nobody wrote them down. `where` is `list:line` or the recording's name.
    """

    audio: Path
    where: str
    text: str = ""
    speaker: str = ""
    language: str = ""
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True)
class Rejected:
    """Something that is not in the prepared set. `seconds` is 0 where it could not be measured,
    `id` empty where it is no clip.
    """

    source: str
    problem: Defect
    where: str = ""
    text: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    seconds: float = 0.0
    id: str = ""


@dataclass(frozen=True)
class SourceSet:
    """What was read of a data set in the format of that name."""

    format: str
    rows: tuple[SourceRow, ...]
    rejected: tuple[Rejected, ...] = ()
    ignored: int = 0
    """Files that are no recordings and no transcripts."""
