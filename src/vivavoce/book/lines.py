"""Lines of printed pages -> paragraphs and headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from vivavoce.book.chapters import ContentsEntry
from vivavoce.book.characters import letters
from vivavoce.book.markup import Document
from vivavoce.book.plain import HEADING, LONGEST_HEADING
from vivavoce.book.types import HEADING_PAUSE_S, Paragraph

LARGE = 1.15
"""Beside the text: lines of this size are headings."""
INDENT = 0.7
"""Of the type's size: a line that begins so much further in begins a paragraph."""
GAP = 1.45
"""Beside the usual distance: lines so far apart are of two paragraphs."""
SHORT = 0.85
"""Beside the widest line: a line so short that ends a sentence ends its paragraph."""

_ENDS = re.compile(r"[.!?…:][\"'”’»)\]]*$")
_KEPT = frozenset({"self", "well", "ill", "half", "ex", "non", "all"})
"""First parts that keep their hyphen, and `so` before `called`."""


@dataclass(frozen=True)
class PageLine:
    """Places in points: `left` and `right` from the left edge, `bottom` from below.

    `column` is the width of its column where a page has several, else 0.
    """

    text: str
    left: float
    right: float
    bottom: float
    size: float
    column: float = 0.0


@dataclass(frozen=True)
class Outline:
    """A line of an outline, the number of its page from 0, and its level from 1."""

    title: str
    page: int
    level: int


def document(
    source: str, pages: Sequence[Sequence[PageLine]], outline: Sequence[Outline]
) -> tuple[Document, list[ContentsEntry]]:
    """The paragraphs of all pages, and where among them the outline points."""
    gathered = _Paragraphs(pages)
    found = Document(source, gathered.done)
    entries: list[ContentsEntry] = []
    for number, page in enumerate(pages):
        named = [(o, _line_of(o.title, page)) for o in outline if o.page == number]
        for at, line in enumerate(page):
            here = [o for o, place in named if place == at]
            for entry in here:
                gathered.end()
                anchor = str(len(entries))
                found.anchors[anchor] = len(gathered.done)
                entries.append(ContentsEntry(entry.title, source, anchor, entry.level))
            titled = any(letters(line.text) in letters(entry.title) for entry in here)
            gathered.add(line, page[at - 1] if at else None, titled)
    gathered.end()
    return found, entries


def _line_of(title: str, page: Sequence[PageLine]) -> int:
    """The line of a page that is the title, or begins it; else the first."""
    said = letters(title)
    for at, line in enumerate(page):
        shown = letters(line.text)
        if shown and (said.startswith(shown) or shown.startswith(said)):
            return at
    return 0


class _Paragraphs:
    """Lines as they come, joined into paragraphs, which may go on over a page."""

    def __init__(self, pages: Sequence[Sequence[PageLine]]) -> None:
        self.done: list[Paragraph] = []
        self._text = ""
        self._ended = False
        lines = [line for page in pages for line in page]
        self._size = median(line.size for line in lines for _ in line.text) if lines else 0.0
        self._left = median(line.left for line in lines) if lines else 0.0
        self._width = max((line.right - line.left for line in lines), default=0.0)
        steps = [
            one.bottom - other.bottom
            for page in pages
            for one, other in pairwise(page)
            if one.bottom > other.bottom
        ]
        self._step = median(steps) if steps else 0.0
        text = "\n".join(line.text for line in lines)
        self._hyphenated = set(re.findall(r"\w+-\w+", text))

    def add(self, line: PageLine, before: PageLine | None, titled: bool) -> None:
        """`before` is the line above on the same page; `titled` when an outline names it."""
        if self._is_heading(line) or (titled and len(line.text) <= LONGEST_HEADING):
            self.end()
            self.done.append(Paragraph(line.text, "heading", HEADING_PAUSE_S))
            return
        if self._ended or self._begins(line, before):
            self.end()
        self._text = self._joined(line.text)
        short = line.right < self._left + SHORT * (line.column or self._width)
        self._ended = short and _ENDS.search(line.text) is not None

    def end(self) -> None:
        if self._text:
            self.done.append(Paragraph(self._text))
        self._text, self._ended = "", False

    def _is_heading(self, line: PageLine) -> bool:
        if len(line.text) > LONGEST_HEADING:
            return False
        return HEADING.fullmatch(line.text) is not None or line.size > LARGE * self._size

    def _begins(self, line: PageLine, before: PageLine | None) -> bool:
        if line.left > self._left + INDENT * self._size and (
            before is None or line.left > before.left + INDENT * self._size
        ):
            return True
        return before is not None and before.bottom - line.bottom > GAP * self._step

    def _joined(self, line: str) -> str:
        """The text and the next line; a word that was parted at the line's end is whole again."""
        if not self._text:
            return line
        before, after = re.search(r"(\w+)-$", self._text), re.match(r"[^\W\d_]+", line)
        if before and after and after[0][0].islower():
            first, second = before[1], after[0]
            own = f"{first}-{second}" in self._hyphenated or first.lower() in _KEPT
            own = own or (first.lower(), second) == ("so", "called")
            return (self._text if own else self._text[:-1]) + line
        return f"{self._text} {line}"
