"""HTML and XHTML -> what is read aloud of it, with the places that contents point at.

Follows the text as a page shows it: inline elements join without a space, block elements part.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

from vivavoce.book.archive import DAMAGED
from vivavoce.book.characters import SCENE, spoken
from vivavoce.book.tags import TagReader
from vivavoce.book.types import (
    HEADING_PAUSE_S,
    LINE_PAUSE_S,
    SCENE_PAUSE_S,
    TEXT_PAUSE_S,
    Paragraph,
    Skipped,
)
from vivavoce.errors import BookError

DEEPEST = 150
MOST_PARAGRAPHS = 50_000
"""Of one page. The Bible has 31,000 verses."""
QUOTED = 120
"""Characters that are kept of what is skipped."""
LONGEST_MARK = 6
"""Characters of a reference to a note, such as [12]."""

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = HEADINGS | {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details"),
    *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr"),
    *("html", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td"),
    *("th", "thead", "tr", "ul"),
}
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr"}
)  # fmt: skip
_NEVER = frozenset(
    {"audio", "button", "canvas", "head", "iframe", "noscript", "object", "rp", "script", "select",
     "style", "svg", "template", "textarea", "video"}
)  # fmt: skip
_REPORTED = {"table": "table", "pre": "code"}
_NOTES = frozenset(
    {"footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes", "doc-footnote",
     "doc-endnote", "doc-endnotes"}
)  # fmt: skip
_PAGE_TYPES = frozenset({"pagebreak", "doc-pagebreak"})
_PAGE_CLASSES = frozenset({"pagenum", "pageno", "page-number", "pagenumber", "page_number"})
_REFERENCES = frozenset({"noteref", "doc-noteref", "footnoteref", "footnote-ref"})

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AT_RULE = re.compile(r"@[^{};]*(?:;|\{(?:[^{}]*\{[^{}]*\})*[^{}]*\})")
_RULE = re.compile(r"([^{}]{1,2000})\{([^{}]*)\}")
_CLASS = re.compile(r"\.[A-Za-z_][\w-]*")
_HIDES = re.compile(r"display\s*:\s*none", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read of a book beside its text.

    `notes` reads footnotes where they stand. `alt` reads the descriptions of pictures. `ruby` says
    which of an annotated word is spoken: its `reading`, or its `base`.
    """

    notes: bool = False
    alt: bool = False
    ruby: Literal["reading", "base"] = "reading"


@dataclass
class Document:
    """One file of a book. `anchors` are numbers of paragraphs, by the ids that links name."""

    source: str = ""
    paragraphs: list[Paragraph] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)
    skipped: list[tuple[int, Skipped]] = field(default_factory=list)
    language: str = ""
    title: str = ""
    types: frozenset[str] = frozenset()


def read(
    text: str,
    source: str = "",
    reading: Reading | None = None,
    hidden: frozenset[str] = frozenset(),
) -> Document:
    """The document of a page; elements of the classes `hidden` are not read.

    Raises BookError when it is nested beyond all reason.
    """
    walker = _Walker(Document(source), reading or Reading(), hidden)
    walker.read(text)
    walker.finish()
    return walker.document


@dataclass
class _Open:
    """An element that is open. `begin` is where its text begins in what is collected."""

    tag: str
    begin: int
    dropped: str = ""
    has_link: bool = False
    number: int = 1
    step: int = 1
    types: frozenset[str] = frozenset()
    """Of the document, where all of its text stands in this element."""


class _Walker(TagReader):
    def __init__(self, document: Document, reading: Reading, hidden: frozenset[str]) -> None:
        self.document, self.reading, self._hidden = document, reading, hidden
        self._open: list[_Open] = []
        self._names: Counter[str] = Counter()  # of those that are open
        self._n_dropped = 0
        self._text: list[str] = []
        self._lines: list[str] = []  # that a line break ended, empty ones too
        self._number = ""  # of a list's item whose text has not come yet
        self._lost: list[str] = []
        self._title: list[str] | None = None
        self._typed: list[tuple[int, frozenset[str]]] = []  # paragraphs at the end, and the types

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        given = attributes
        if tag in _BLOCKS:
            self._block_begins(tag)
        self._note_place(tag, given)
        if tag in _VOID:
            self._void(tag, given)
            return
        if len(self._open) >= DEEPEST:
            raise BookError(f"{self.document.source} is nested too deeply.", DAMAGED)
        element = _Open(tag, len(self._text), self._reason(tag, given))
        if tag in ("html", "body", "section", "div", "article") and not self.document.paragraphs:
            roles = (role.removeprefix("doc-") for role in given.get("role", "").split())
            element.types = frozenset({*given.get("epub:type", "").split(), *roles})
        self._open.append(element)
        self._names[tag] += 1
        self._n_dropped += bool(element.dropped)
        if tag == "title":
            self._title = []
        elif not self._dropping:
            self._enter(element, given)

    def end(self, tag: str) -> None:
        if not self._names[tag]:
            return
        while self._close_last().tag != tag:
            pass

    def text(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)
        elif not self._dropping:
            self._text.append(data)
        elif sum(map(len, self._lost)) < QUOTED:
            self._lost.append(data)

    def style(self, data: str) -> None:
        self._hidden |= hidden_classes(data)

    def finish(self) -> None:
        while self._open:
            self._close_last()
        self._flush()
        reach = len(self.document.paragraphs)
        for end, types in self._typed:
            if end == reach:  # an element that stands in the text says nothing of the rest
                self.document.types |= types

    @property
    def _dropping(self) -> bool:
        return self._n_dropped > 0

    def _reason(self, tag: str, given: dict[str, str]) -> str:
        """Why an element is not read; empty when it is."""
        if tag in _NEVER or tag == "nav":
            return "hidden"
        if given and (reason := self._marked(tag, given)):
            return reason
        if tag in _REPORTED:
            return _REPORTED[tag]
        if tag == "aside" and not self.reading.notes:
            return "note"
        if tag == "math":
            return "formula"
        return "hidden" if tag == "rt" and self.reading.ruby == "base" else ""

    def _marked(self, tag: str, given: dict[str, str]) -> str:
        """Why an element with these attributes is not read."""
        kinds = {*given.get("epub:type", "").split(), *given.get("role", "").split()}
        classes = set(given.get("class", "").lower().split())
        style = given.get("style", "").replace(" ", "").lower()
        if "hidden" in given or given.get("aria-hidden") == "true":
            return "hidden"
        if "display:none" in style or classes & self._hidden:
            return "hidden"
        if kinds & _PAGE_TYPES or classes & _PAGE_CLASSES:
            return "page number"
        if kinds & _REFERENCES or (tag == "a" and classes & _REFERENCES):
            return "reference"
        return "note" if kinds & _NOTES and not self.reading.notes else ""

    def _note_place(self, tag: str, given: dict[str, str]) -> None:
        document = self.document
        for name in (given.get("id"), given.get("name") if tag == "a" else None):
            if name:
                document.anchors.setdefault(name, len(document.paragraphs))
        if tag in ("html", "body"):
            language = given.get("xml:lang") or given.get("lang") or ""
            document.language = document.language or language
        if tag == "math" and not self._dropping:
            self._text.append(given.get("alttext", ""))

    def _void(self, tag: str, given: dict[str, str]) -> None:
        if self._dropping:
            return
        if tag == "br":
            self._lines.append("".join(self._text))
            self._text.clear()
        elif tag == "hr":
            self._scene()
        elif tag == "img":
            alt = spoken(given.get("alt", ""))
            if self.reading.alt and alt:
                self._text.append(f" {alt} ")
            else:
                self._skip("image", alt)

    def _enter(self, element: _Open, given: dict[str, str]) -> None:
        if element.tag == "a" and given.get("href"):
            for outer in self._open:
                outer.has_link = True
        elif element.tag == "ol":
            element.step = -1 if "reversed" in given else 1
            element.number = _number(given.get("start", ""), 1)
        elif element.tag == "li":
            self._count(given)
        elif element.tag == "rt":
            ruby = self._nearest("ruby")
            if ruby is not None:  # the reading takes the place of what it stands above
                del self._text[ruby.begin :]

    def _count(self, given: dict[str, str]) -> None:
        lists = [element for element in self._open if element.tag in ("ol", "ul")]
        if lists and lists[-1].tag == "ol":
            number = _number(given.get("value", ""), lists[-1].number)
            self._number = f"{number}. "
            lists[-1].number = number + lists[-1].step

    def _nearest(self, tag: str) -> _Open | None:
        if not self._names[tag]:
            return None
        return next(element for element in reversed(self._open) if element.tag == tag)

    def _block_begins(self, tag: str) -> None:
        if self._open and self._open[-1].tag == "p":
            self._close_last()  # a paragraph holds no blocks, so that its end may be left out
        if tag == "li" and self._open and self._open[-1].tag == "li":
            self._close_last()
        if not self._dropping:
            self._flush()

    def _close_last(self) -> _Open:
        element = self._open[-1]
        if element.tag in _BLOCKS and not self._dropping:
            self._flush()
            if element.tag == "li":
                self._number = ""  # of an item without text
        if element.types:
            self._typed.append((len(self.document.paragraphs), element.types))
        self._open.pop()
        self._names[element.tag] -= 1
        self._n_dropped -= bool(element.dropped)
        if element.tag == "title" and self._title is not None:
            self.document.title = self.document.title or spoken("".join(self._title))
            self._title = None
        if element.dropped and not self._dropping:
            self._report(element.dropped)
        elif element.tag == "sup":
            self._leave_out_reference(element)
        elif element.tag == "rt" and (ruby := self._nearest("ruby")) is not None:
            ruby.begin = len(self._text)
        return element

    def _leave_out_reference(self, element: _Open) -> None:
        mark = "".join(self._text[element.begin :]).strip()
        in_link = element.has_link or self._nearest("a") is not None
        if in_link and len(mark) <= LONGEST_MARK:
            del self._text[element.begin :]

    def _report(self, kind: str) -> None:
        text = spoken("".join(self._lost))
        self._lost.clear()
        if kind in ("table", "code", "note"):
            self._skip(kind, text)

    def _skip(self, kind: str, text: str) -> None:
        place = len(self.document.paragraphs)
        self.document.skipped.append((place, Skipped(kind, text[:QUOTED])))

    def _scene(self) -> None:
        self._flush()
        if self.document.paragraphs:
            last = self.document.paragraphs[-1]
            self.document.paragraphs[-1] = replace(last, pause_s=SCENE_PAUSE_S)

    def _flush(self) -> None:
        """Ends a paragraph, of one line or of several."""
        if not self._text and not self._lines:
            return
        lines = [spoken(line) for line in (*self._lines, "".join(self._text))]
        self._lines.clear()
        self._text.clear()
        for element in self._open:
            element.begin = 0
        written = [line for line in lines if line]
        if not written:
            return
        if len(written) == 1 and SCENE.fullmatch(written[0]):
            self._scene()
            return
        if len(self.document.paragraphs) > MOST_PARAGRAPHS:
            raise BookError(
                f"{self.document.source} has more than {MOST_PARAGRAPHS} paragraphs.", "Split it."
            )
        heading = any(element.tag in HEADINGS for element in self._open)
        end_s = HEADING_PAUSE_S if heading else TEXT_PAUSE_S
        kind = "heading" if heading else "line" if len(written) > 1 else "text"
        written, self._number = [self._number + written[0], *written[1:]], ""
        pauses = _pauses(lines, end_s)
        self.document.paragraphs += [
            Paragraph(line, kind, pause_s) for line, pause_s in zip(written, pauses, strict=True)
        ]


def hidden_classes(css: str) -> frozenset[str]:
    """Small-letter names of the classes that a style sheet hides by a rule of their own.

    Rules for some media only (`@media`) are left out: they are for other devices.
    """
    plain = _AT_RULE.sub(" ", _COMMENT.sub(" ", css))
    rules = (rule for rule in _RULE.findall(plain) if _HIDES.search(rule[1]))
    names = (name.strip() for selectors, _ in rules for name in selectors.split(","))
    return frozenset(name[1:].lower() for name in names if _CLASS.fullmatch(name))


def _pauses(lines: list[str], end_s: float) -> list[float]:
    """After each line that is not empty; an empty one ends a stanza."""
    pauses: list[float] = []
    for line in lines:
        if line:
            pauses.append(LINE_PAUSE_S)
        elif pauses:
            pauses[-1] = TEXT_PAUSE_S
    return [*pauses[:-1], end_s]


def _number(written: str, otherwise: int) -> int:
    short = written.strip().removeprefix("-")
    return int(written) if short.isdecimal() and len(short) < 7 else otherwise
