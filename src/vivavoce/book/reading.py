"""A file -> a book, by what the file is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vivavoce.book import docx, epub, pdf, plain
from vivavoce.book.markup import Reading
from vivavoce.book.types import Book
from vivavoce.errors import BookError, UsageError, near_misses

READERS: dict[str, Callable[[Path, Reading], Book]] = {
    "epub": epub.read,
    "zip": epub.read,
    "docx": docx.read,
    "pdf": pdf.read,
    "txt": plain.read_text,
    "md": plain.read_markdown,
    "markdown": plain.read_markdown,
    "html": plain.read_html,
    "htm": plain.read_html,
    "xhtml": plain.read_html,
}
OTHERS = frozenset({"mobi", "azw", "azw3", "fb2", "odt", "rtf", "doc", "lit", "kfx"})
"""Formats of books that are not read, but that other programs convert."""


def read(path: str | Path, reading: Reading | None = None) -> Book:
    """The book in an .epub, .docx, .pdf, .txt, .md or .html file.

    `reading` selects notes and descriptions. Raises UsageError for a missing file or an
    unsupported format, BookError for one that is damaged, locked or empty, MissingExtra for a PDF
    without the extra `books`.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind in OTHERS:
        raise UsageError(f"{path}: .{kind} is not supported.", "Convert the book to EPUB first.")
    if kind not in READERS:
        advice = near_misses(kind, READERS)
        raise UsageError(f"{path} is not in a supported book format.", advice)
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Check the path.")
    book = READERS[kind](path, reading or Reading())
    if not book.chapters:
        raise BookError(f"{path} holds no text to read aloud.", "It may contain only images.")
    return book
