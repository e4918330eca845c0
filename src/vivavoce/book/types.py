"""A book as it is read aloud: chapters, paragraphs and the silence after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TEXT_PAUSE_S, LINE_PAUSE_S, HEADING_PAUSE_S, SCENE_PAUSE_S = 0.7, 0.25, 0.8, 1.5

Kind = Literal["heading", "text", "line"]


@dataclass(frozen=True)
class Paragraph:
    """Text without line ends, and the silence after it. A `line` is one of a poem."""

    text: str
    kind: Kind = "text"
    pause_s: float = TEXT_PAUSE_S


@dataclass(frozen=True)
class Skipped:
    """Something that is not read aloud: `kind` is table, code, image or note."""

    kind: str
    text: str


@dataclass(frozen=True)
class Chapter:
    """`level` is 1 for a chapter, 2 for a part of one. `source` is the file within the book."""

    title: str
    paragraphs: tuple[Paragraph, ...]
    language: str = ""
    level: int = 1
    source: str = ""
    skipped: tuple[Skipped, ...] = ()

    @property
    def text(self) -> str:
        """All paragraphs, with an empty line between them."""
        return "\n\n".join(paragraph.text for paragraph in self.paragraphs)

    @property
    def characters(self) -> int:
        return sum(len(paragraph.text) for paragraph in self.paragraphs)

    @property
    def words(self) -> int:
        return sum(len(paragraph.text.split()) for paragraph in self.paragraphs)


@dataclass(frozen=True)
class Cover:
    """A picture of the book, unchanged; `media_type` is image/jpeg or image/png."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class LeftOut:
    """A file of the book that is not a chapter, and the reason."""

    source: str
    reason: str


@dataclass(frozen=True)
class Book:
    """What `read` returns. `language` is a BCP 47 code, empty if the book names none."""

    title: str
    authors: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    language: str = ""
    cover: Cover | None = None
    date: str = ""
    publisher: str = ""
    description: str = ""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def characters(self) -> int:
        return sum(chapter.characters for chapter in self.chapters)

    @property
    def words(self) -> int:
        return sum(chapter.words for chapter in self.chapters)
