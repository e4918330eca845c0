"""PDF -> a book, by text and outline (extra `books`: pypdfium2, imported when it is used).

A page has lines at places. Which of them make a paragraph, a heading, a note or a page's header
follows from their sizes and places.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unicodedata import bidirectional

from vivavoce.book.chapters import LONGEST_TITLE, chapters
from vivavoce.book.characters import spoken
from vivavoce.book.columns import GUTTER, in_order
from vivavoce.book.lines import LARGE, Outline, PageLine, document
from vivavoce.book.markup import Reading
from vivavoce.book.plain import HEADING
from vivavoce.book.types import Book
from vivavoce.errors import BookError, MissingExtra

if TYPE_CHECKING:
    from types import ModuleType

DAMAGED = "Open it in a viewer and print it into a new PDF."
MOST_PAGES = 10_000
MOST_CHARACTERS = 16 << 20
PARTED = "\x02\ufffe"
"""What pdfium writes for the hyphen at the end of a line."""
OFTEN = 3
"""A line that stands at the same edge of so many pages is a header."""
SMALL = 0.85
"""Beside the text: lines of this size below it are notes."""
SCANNED = 0.9
BACKWARDS = 0.3
_PAGE = re.compile(r"[-–— ]*(?:\d{1,5}|[ivxlc]{1,8})[-–— ]*", re.IGNORECASE)


def read(path: Path, reading: Reading | None = None) -> Book:
    """The book in a PDF. Raises BookError (damaged, encrypted, scanned), MissingExtra."""
    pdfium = _pdfium()
    with _as_book_error(path), contextlib.closing(pdfium.PdfDocument(path)) as opened:
        pages = _pages(opened, path)
        outline = list(_outline(opened))
        about = {name: spoken(str(value)) for name, value in opened.get_metadata_dict().items()}
    pages = _without_edges(pages)
    if not (reading or Reading()).notes:
        pages = _without_notes(pages)
    title = about.get("Title") or path.stem
    author = about.get("Author", "")
    text, contents = document(path.name, pages, outline)
    found, left_out = chapters([text], contents, title)
    return Book(title, (author,) if author else (), tuple(found), left_out=tuple(left_out))


def _pdfium() -> ModuleType:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra(
            "PDF books need pypdfium2.", "Install it: pip install 'vivavoce[books]'."
        ) from error
    return pypdfium2


@contextlib.contextmanager
def _as_book_error(path: Path) -> Iterator[None]:
    """Whatever a damaged file makes the library raise."""
    try:
        yield
    except BookError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if "password" in reason.lower():
            message = f"{path} is encrypted with a password (DRM)."
            raise BookError(message, "Give a copy without a password.") from error
        raise BookError(f"{path} cannot be read ({reason}).", DAMAGED) from error


def _pages(opened: Any, path: Path) -> list[list[PageLine]]:
    """The lines of every page. Raises BookError where there is no text."""
    if len(opened) > MOST_PAGES:
        raise BookError(f"{path} has more than {MOST_PAGES} pages.", "Split it.")
    pages: list[list[PageLine]] = []
    left = MOST_CHARACTERS
    for page in opened:
        text = page.get_textpage()
        left -= text.count_chars()
        if left < 0:
            raise BookError(f"{path} holds more than {MOST_CHARACTERS:,} characters.", "Split it.")
        pages.append(in_order(list(_PageText(text).lines())))
        text.close()
        page.close()
    empty = sum(not page for page in pages)
    if empty > SCANNED * len(pages):
        raise BookError(f"{path} is scanned: its pages have no text.", "Run OCR on it first.")
    _require_forwards("".join(line.text for page in pages[:50] for line in page), path)
    return pages


class _PageText:
    """The characters of a page of pdfium, by their places."""

    def __init__(self, page: Any) -> None:
        from pypdfium2 import raw

        self._page, self._raw, self._count = page, raw, page.count_chars()

    def lines(self) -> Iterator[list[PageLine]]:
        """Lines in the order of the file, each in the parts that wide gaps make of it.

        One that ends within a word ends with a hyphen.
        """
        begin, count = 0, self._count
        text: list[str] = []
        parts: list[PageLine] = []
        for index in range(count + 1):
            last = index == count
            found = "\n" if last else chr(self._raw.FPDFText_GetUnicode(self._page.raw, index))
            ended = found in "\r\n" or found in PARTED
            if not ended and not (found == " " and text and self._is_gap(index)):
                text.append(found)
                continue
            part = self._part(begin, text, "-" if found in PARTED else "")
            parts += [part] if part else []
            text, begin = [], index + 1
            if ended and parts:
                yield parts
                parts = []

    def _part(self, begin: int, text: list[str], hyphen: str) -> PageLine | None:
        """The characters from `begin` on, with their place; None for white space."""
        written = spoken("".join(text))
        if not written:
            return None
        first = begin + next(n for n, c in enumerate(text) if not c.isspace())
        left, bottom, _, _ = self._page.get_charbox(first, loose=True)
        _, _, right, _ = self._page.get_charbox(begin + len(text) - 1, loose=True)
        return PageLine(written + hyphen, left, right, bottom, self._size(first))

    def _is_gap(self, index: int) -> bool:
        """Whether a space is no character of the file but a wide gap between two of them."""
        if index + 1 >= self._count:
            return False
        if self._raw.FPDFText_IsGenerated(self._page.raw, index) != 1:
            return False
        _, _, right, _ = self._page.get_charbox(index - 1, loose=True)
        left, _, _, _ = self._page.get_charbox(index + 1, loose=True)
        return left - right > GUTTER * self._size(index - 1)

    def _size(self, index: int) -> float:
        return float(self._raw.FPDFText_GetFontSize(self._page.raw, index))


def _require_forwards(text: str, path: Path) -> None:
    known = [bidirectional(c) for c in text if c.isalpha()]
    backwards = sum(kind in ("R", "AL") for kind in known)
    if backwards > BACKWARDS * max(1, len(known)):
        raise BookError(
            f"{path} is in a script that runs from right to left, stored in visual order.",
            "Give the book as EPUB.",
        )


def _outline(opened: Any) -> Iterator[Outline]:
    for item in opened.get_toc(max_depth=10):
        place = item.get_dest()
        number = place.get_index() if place else None
        title = spoken(str(item.get_title() or ""))[:LONGEST_TITLE]
        if number is not None and title:
            yield Outline(title, number, item.level + 1)


@dataclass(frozen=True)
class _Edge:
    top: bool
    pattern: str


def _without_edges(pages: list[list[PageLine]]) -> list[list[PageLine]]:
    """Without running headers and page numbers.

    Headers have other numbers on every page. Chapters have that too: what looks like a heading is
    a header only where the very same line stands on several pages.
    """
    large = LARGE * _usual_size(pages)

    def edge(line: PageLine, top: bool) -> _Edge:
        heading = line.size > large or HEADING.fullmatch(line.text)
        return _Edge(top, line.text if heading else re.sub(r"\d+", "#", line.text))

    counts = Counter(edge(page[0], True) for page in pages if page)
    counts += Counter(edge(page[-1], False) for page in pages if page)
    enough = min(OFTEN, max(2, len(pages)))
    often = {edge for edge, count in counts.items() if count >= enough}
    found = []
    for page in pages:
        lines = list(page)
        while lines and (edge(lines[0], True) in often or _PAGE.fullmatch(lines[0].text)):
            del lines[0]
        while lines and (edge(lines[-1], False) in often or _PAGE.fullmatch(lines[-1].text)):
            del lines[-1]
        found.append(lines)
    return found


def _usual_size(pages: list[list[PageLine]]) -> float:
    """The type of most of the text."""
    sizes = [line.size for page in pages for line in page for _ in line.text]
    return median(sizes) if sizes else 0.0


def _without_notes(pages: list[list[PageLine]]) -> list[list[PageLine]]:
    """Without the lines in small type at the foot of a page that holds text as well."""
    limit = SMALL * _usual_size(pages)
    found = []
    for page in pages:
        end = len(page)
        while end and page[end - 1].size <= limit:
            end -= 1
        found.append(page[:end] if end else page)
    return found
