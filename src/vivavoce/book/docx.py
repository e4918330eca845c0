"""DOCX -> a book, with the standard library. Chapters begin at headings.

A paragraph is a heading where its style, or the style that one is based on, has an outline level:
the names of styles are different in every language.
"""

from __future__ import annotations

from pathlib import Path

from vivavoce.book.archive import Archive
from vivavoce.book.chapters import chapters
from vivavoce.book.characters import SCENE, spoken
from vivavoce.book.markup import QUOTED, Document, Reading
from vivavoce.book.tables import Node, parse
from vivavoce.book.types import HEADING_PAUSE_S, SCENE_PAUSE_S, Book, Paragraph, Skipped
from vivavoce.errors import BookError

MAIN = "word/document.xml"
OLD_KIND = bytes.fromhex("d0cf11e0a1b11ae1")
DEEPEST_STYLE = 20
BODY_TEXT = 9
"""The outline level of what is no heading."""

_NEVER = frozenset(
    {"del", "moveFrom", "instrText", "delText", "footnoteReference", "endnoteReference",
     "commentReference", "pPr", "rPr", "sectPr", "Fallback", "proofErr"}
)  # fmt: skip
_BREAKS = {"tab": " ", "br": " ", "cr": " ", "noBreakHyphen": "-"}


def read(path: Path, reading: Reading | None = None) -> Book:
    """A Word document. Raises BookError: damaged, locked by a password, or no Word document."""
    _require_unlocked(path)
    with Archive(path) as archive:
        if MAIN not in archive:
            raise BookError(f"{path} is not a Word document.", "Save it as .docx, or as EPUB.")
        styles = _styles(archive)
        notes = _notes(archive) if reading and reading.notes else {}
        walker = _Docx(path.name, styles, notes, reading or Reading())
        body = parse(archive.text(MAIN), MAIN).first("body")
        for node in body.children if body else ():
            walker.block(node)
        facts = _facts(archive)
    title = facts.get("title") or path.stem
    found, left_out = chapters([walker.document], [], title)
    authors = (facts["creator"],) if facts.get("creator") else ()
    language = facts.get("language", "") or _language(styles)
    date = facts.get("created", "")[:10]
    return Book(title, authors, tuple(found), language, None, date, left_out=tuple(left_out))


def _require_unlocked(path: Path) -> None:
    """Word locks a document by putting it into a file of the old kind."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(len(OLD_KIND))
    except OSError:
        return  # the archive says why
    if begin == OLD_KIND:
        raise BookError(
            f"{path} has a password, or is an old .doc file.", "Save it as .docx without one."
        )


class _Docx:
    """The blocks of a document as they come."""

    def __init__(
        self,
        source: str,
        styles: dict[str, Node],
        notes: dict[tuple[str, str], str],
        reading: Reading,
    ) -> None:
        self.document = Document(source)
        self._styles, self._notes, self._reading = styles, notes, reading

    def block(self, node: Node) -> None:
        if node.tag == "p":
            self._paragraph(node)
        elif node.tag == "tbl":
            self._skip("table", spoken(" ".join(_text(p) for p in node.all("p"))))
        elif node.tag not in _NEVER:  # content controls and the like hold blocks
            for child in node.children:
                self.block(child)

    def _paragraph(self, node: Node) -> None:
        text = spoken(_text(node))
        paragraphs = self.document.paragraphs
        for picture in node.all("docPr"):
            described = spoken(picture.get("descr"))
            if self._reading.alt and described:
                text = f"{text} {described}".strip()
            else:
                self._skip("image", described)
        for reference in (*node.all("footnoteReference"), *node.all("endnoteReference")):
            key = reference.tag.removesuffix("Reference"), reference.get("id")
            text = f"{text} {self._notes.get(key, '')}".strip()
        if SCENE.fullmatch(text) and paragraphs:
            last = paragraphs[-1]
            paragraphs[-1] = Paragraph(last.text, last.kind, SCENE_PAUSE_S)
        elif text and self._level(node) < BODY_TEXT:
            paragraphs.append(Paragraph(text, "heading", HEADING_PAUSE_S))
        elif text:
            paragraphs.append(Paragraph(text))

    def _level(self, node: Node) -> int:
        """The outline level of a paragraph, its own or that of its styles."""
        own = next((child for child in node.children if child.tag == "pPr"), None)
        for _ in range(DEEPEST_STYLE):
            if own is None:
                return BODY_TEXT
            level = own.first("outlineLvl")
            if level is not None and level.get("val").isdecimal():
                return int(level.get("val"))
            named = own.first("pStyle") or own.first("basedOn")
            own = self._styles.get(named.get("val")) if named else None
        return BODY_TEXT

    def _skip(self, kind: str, text: str) -> None:
        place = len(self.document.paragraphs)
        self.document.skipped.append((place, Skipped(kind, text[:QUOTED])))


def _text(node: Node) -> str:
    """Of the runs of a paragraph; what was deleted and codes of fields are none of it."""
    parts = []
    for child in node.children:
        if child.tag == "t":
            parts.append("".join(child.own_text))
        elif child.tag in _BREAKS:
            parts.append(_BREAKS[child.tag])
        elif child.tag not in _NEVER:
            parts.append(_text(child))
    return "".join(parts)


def _styles(archive: Archive) -> dict[str, Node]:
    """By id; the defaults of the document under the empty one."""
    name = "word/styles.xml"
    if name not in archive:
        return {}
    root = parse(archive.text(name), name)
    found = {style.get("styleId"): style for style in root.all("style")}
    defaults = root.first("docDefaults")
    return found | ({"": defaults} if defaults else {})


def _notes(archive: Archive) -> dict[tuple[str, str], str]:
    """By kind and id: footnotes and endnotes are numbered each for themselves."""
    found = {}
    for name, tag in (("word/footnotes.xml", "footnote"), ("word/endnotes.xml", "endnote")):
        if name in archive:
            for note in parse(archive.text(name), name).all(tag):
                text = " ".join(_text(p) for p in note.all("p"))
                found[tag, note.get("id")] = spoken(text)
    return found


def _facts(archive: Archive) -> dict[str, str]:
    name = "docProps/core.xml"
    if name not in archive:
        return {}
    return {node.tag: spoken(node.text) for node in parse(archive.text(name), name).children}


def _language(styles: dict[str, Node]) -> str:
    found = styles[""].first("lang") if "" in styles else None
    return found.get("val") if found else ""
