"""A book's passages: what is spoken at once, and what is wrong with some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vivavoce.book.types import Chapter, Paragraph
from vivavoce.text.check import has_sound
from vivavoce.text.marks import MARK
from vivavoce.text.split import chunks

LONGEST = 1200
"""Characters. Paragraphs that are longer are cut after a sentence: a killed process loses at most
the passage that it was speaking."""

_BRACKETS = str.maketrans("[]<>", "()()")


@dataclass(frozen=True)
class Passage:
    """Text, and the silence after it in seconds."""

    text: str
    pause_s: float

    @property
    def marked(self) -> str:
        """As the engine takes it; what looks like a pause mark in the book is text."""
        text = MARK.sub(lambda mark: mark[0].translate(_BRACKETS), self.text)
        return f"{text} [pause {self.pause_s:g}s]"


def passages(chapter: Chapter, paragraph_s: float | None = None) -> Iterator[Passage]:
    """Those of a chapter that hold something to say; `paragraph_s` replaces natural silences."""
    for paragraph in chapter.paragraphs:
        if not has_sound(paragraph.text):
            continue
        pieces = list(chunks(paragraph.text, LONGEST))
        for piece in pieces[:-1]:
            yield Passage(piece.text, piece.pause_s)
        yield Passage(pieces[-1].text, _pause(paragraph, paragraph_s))


def _pause(paragraph: Paragraph, asked_s: float | None) -> float:
    return asked_s if asked_s is not None and paragraph.kind == "text" else paragraph.pause_s


@dataclass(frozen=True)
class Problem:
    """Something that a listener should know about a passage: it is left out, or doubtful."""

    chapter: str
    text: str
    reason: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 60 else f"{self.text[:60]}…"
        return f"{self.chapter}: '{shown}': {self.reason}"
