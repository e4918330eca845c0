"""Documents and a table of contents -> chapters."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from vivavoce.book.characters import letters
from vivavoce.book.markup import Document
from vivavoce.book.types import HEADING_PAUSE_S, Chapter, LeftOut, Paragraph

SHORT = 60
MOST_ABOVE = 3
"""So many short paragraphs above the first place that the contents name in a file, a number say,
belong to the chapter that begins there."""

ENOUGH = 0.5
"""Contents that cover less of the text than this are no help."""

LONGEST_TITLE = 200
BEGINNING = 5
"""Paragraphs in which a title that is not repeated may stand."""

APPARATUS = frozenset(
    {"cover", "titlepage", "title-page", "halftitlepage", "copyright-page", "toc", "landmarks",
     "page-list", "loi", "lot", "index", "bibliography", "colophon", "footnotes", "endnotes",
     "rearnotes", "notes"}
)  # fmt: skip
"""Types of parts that are not read aloud."""


@dataclass(frozen=True)
class ContentsEntry:
    """A line of the contents: `path` is a file of the book, `anchor` a place in it."""

    title: str
    path: str
    anchor: str = ""
    level: int = 1


@dataclass(frozen=True)
class _Cut:
    document: int
    paragraph: int
    title: str
    level: int


def chapters(
    documents: Sequence[Document], contents: Sequence[ContentsEntry], title: str = ""
) -> tuple[list[Chapter], list[LeftOut]]:
    """The chapters in reading order, and the documents that belong to none.

    The contents part the text; where they cover too little of it, headings do, else files.
    `title` is that of a book without any of these.
    """
    read, left_out = _without_apparatus(documents)
    cuts = _from_contents(read, contents, {document.source for document in documents})
    if not cuts or _covered(read, cuts) < ENOUGH:
        cuts = _from_headings(read) or _from_files(read, title)
    else:
        before = read[: cuts[0].document + (cuts[0].paragraph > 0)]
        reason = "before the first chapter of the contents"
        left_out += [LeftOut(d.source, reason) for d in before if d.paragraphs]
    found = [
        _chapter(read, cut, cuts[n + 1] if n + 1 < len(cuts) else None)
        for n, cut in enumerate(cuts)
    ]
    return [chapter for chapter in found if chapter.paragraphs], left_out


def _without_apparatus(
    documents: Sequence[Document],
) -> tuple[list[Document], list[LeftOut]]:
    read: list[Document] = []
    left_out: list[LeftOut] = []
    for document in documents:
        reasons = sorted(document.types & APPARATUS)
        if reasons:
            left_out.append(LeftOut(document.source, f"its type is {reasons[0]}"))
        else:
            read.append(document)
    return read, left_out


def _from_contents(
    documents: list[Document], contents: Sequence[ContentsEntry], known: set[str]
) -> list[_Cut]:
    """`known` are the names of all files, also of those left out."""
    by_path = {document.source: n for n, document in enumerate(documents)}
    by_name: dict[str, int] = {}
    for path, n in by_path.items():
        by_name.setdefault(posixpath.basename(path), n)
    found: dict[tuple[int, int], _Cut] = {}
    for entry in contents:
        n = by_path.get(entry.path)
        if n is None and entry.path not in known:
            n = by_name.get(posixpath.basename(entry.path))
        if n is not None:
            place = documents[n].anchors.get(entry.anchor, 0) if entry.anchor else 0
            found.setdefault((n, place), _Cut(n, place, entry.title, entry.level))
    cuts = [found[place] for place in sorted(found)]
    return [_raised(documents, cut, cuts) for cut in cuts]


def _raised(documents: list[Document], cut: _Cut, cuts: list[_Cut]) -> _Cut:
    """The cut before a number or a motto that stands above the heading in its file."""
    above = documents[cut.document].paragraphs[: cut.paragraph]
    first = not any(c.document == cut.document and c.paragraph < cut.paragraph for c in cuts)
    short = all(len(paragraph.text) <= SHORT for paragraph in above)
    if first and len(above) <= MOST_ABOVE and short:
        return _Cut(cut.document, 0, cut.title, cut.level)
    return cut


def _covered(documents: list[Document], cuts: list[_Cut]) -> float:
    lengths = [sum(len(p.text) for p in document.paragraphs) for document in documents]
    return sum(lengths[cuts[0].document :]) / max(1, sum(lengths))


def _from_headings(documents: list[Document]) -> list[_Cut]:
    """Every heading begins a chapter; what stands before the first belongs to it."""
    cuts: list[_Cut] = []
    for n, document in enumerate(documents):
        after_heading = False
        for place, paragraph in enumerate(document.paragraphs):
            heading = paragraph.kind == "heading"
            if heading and not after_heading:
                title = _heading_at(document, place)
                cuts.append(_Cut(n, place, title, 1) if cuts else _Cut(0, 0, title, 1))
            after_heading = heading
    return cuts


def _heading_at(document: Document, place: int) -> str:
    """Lines of a heading that follow each other, as one title."""
    lines = []
    for paragraph in document.paragraphs[place:]:
        if paragraph.kind != "heading":
            break
        lines.append(paragraph.text.rstrip(" .:"))
    return ": ".join(lines)[:LONGEST_TITLE]


def _from_files(documents: list[Document], title: str) -> list[_Cut]:
    many = sum(bool(document.paragraphs) for document in documents) > 1
    return [
        _Cut(n, 0, document.title if many and document.title else title or f"Part {n + 1}", 1)
        for n, document in enumerate(documents)
        if document.paragraphs
    ]


def _chapter(documents: list[Document], cut: _Cut, following: _Cut | None) -> Chapter:
    end = (following.document, following.paragraph) if following else (len(documents), 0)
    paragraphs: list[Paragraph] = []
    skipped = []
    for n in range(cut.document, min(end[0] + 1, len(documents))):
        document = documents[n]
        first = cut.paragraph if n == cut.document else 0
        last = end[1] if n == end[0] else len(document.paragraphs)
        paragraphs += document.paragraphs[first:last]
        if n < end[0] or last:  # what is skipped belongs to the paragraph before it
            reach = max(last, 1)
            skipped += [s for at, s in document.skipped if first <= max(at - 1, 0) < reach]
    begin = documents[cut.document]
    return Chapter(
        cut.title,
        tuple(_titled(cut.title, paragraphs)),
        begin.language,
        cut.level,
        begin.source,
        tuple(skipped),
    )


def _begins(said: str, paragraphs: list[Paragraph]) -> bool:
    """Whether the letters of a title come first, and then an end: a mark or a paragraph's."""
    for paragraph in paragraphs:
        for place, char in enumerate(paragraph.text):
            if not said:
                return not char.isalnum() and not paragraph.text[place + 1 : place + 2].islower()
            own = letters(char)
            if not said.startswith(own):
                return False
            said = said[len(own) :]
        if not said:
            return True
    return False


def _titled(title: str, paragraphs: list[Paragraph]) -> list[Paragraph]:
    """The title is spoken unless the text begins with it."""
    if not paragraphs or not letters(title):
        return paragraphs
    first = paragraphs[:BEGINNING]
    said = letters(title)
    heading = letters("".join(p.text for p in first if p.kind == "heading"))
    if _begins(said, first) or (heading and (said.endswith(heading) or heading.endswith(said))):
        return paragraphs
    return [Paragraph(title, "heading", HEADING_PAUSE_S), *paragraphs]
