"""A book's passages: what is spoken at once, by whom, and what is wrong with some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vivavoce.book.casting import NARRATOR, ONE_VOICE, WITHIN_S, Casting, Reader
from vivavoce.book.types import Chapter, Paragraph
from vivavoce.text.check import has_sound
from vivavoce.text.lexicon import Lexicon
from vivavoce.text.marks import MARK
from vivavoce.text.split import chunks

LONGEST = 1200
"""Characters. Paragraphs that are longer are cut after a sentence: a killed process loses at most
the passage that it was speaking."""

_BRACKETS = str.maketrans("[]<>", "()()")


@dataclass(frozen=True)
class BookPassage:
    """Text, and the silence after it in seconds. `said` is the text by a lexicon, if it differs."""

    text: str
    pause_s: float
    reader: Reader = NARRATOR
    said: str = ""

    @property
    def marked(self) -> str:
        """As the engine takes it; what looks like a pause mark in the book is text."""
        said = self.said or self.text
        text = MARK.sub(lambda mark: mark[0].translate(_BRACKETS), said)
        return f"{text} [pause {self.pause_s:g}s]"


@dataclass(frozen=True)
class Manuscript:
    """How a book becomes passages. `phonemes` says whether the voices read them."""

    casting: Casting = ONE_VOICE
    lexicon: Lexicon | None = None
    paragraph_s: float | None = None
    phonemes: bool = False
    language: str = ""

    def passages(self, number: int, chapter: Chapter) -> Iterator[BookPassage]:
        """Those of a chapter that hold something to say."""
        language = chapter.language or self.language
        for paragraph, parts in self.casting.parts(number, chapter):
            spoken = [(text, reader) for text, reader in parts if has_sound(text)]
            for place, (text, reader) in enumerate(spoken):
                last = place == len(spoken) - 1
                end_s = _pause(paragraph, self.paragraph_s) if last else WITHIN_S
                pieces = list(chunks(text, LONGEST))
                for piece in pieces[:-1]:
                    yield self._passage(piece.text, piece.pause_s, reader, language)
                yield self._passage(pieces[-1].text, end_s, reader, language)

    def _passage(self, text: str, pause_s: float, reader: Reader, language: str) -> BookPassage:
        said = self.lexicon.applied(text, language, self.phonemes) if self.lexicon else text
        return BookPassage(text, pause_s, reader, said if said != text else "")


def passages(chapter: Chapter, paragraph_s: float | None = None) -> Iterator[BookPassage]:
    """Those of a chapter that one voice reads; `paragraph_s` replaces natural silences."""
    return Manuscript(paragraph_s=paragraph_s).passages(0, chapter)


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
