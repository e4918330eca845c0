"""Text, Markdown and HTML files -> a book. Chapters begin at headings."""

from __future__ import annotations

import re
from pathlib import Path

from vivavoce.book import markup
from vivavoce.book.archive import LONGEST_TEXT
from vivavoce.book.chapters import chapters
from vivavoce.book.characters import SCENE, decoded, spoken
from vivavoce.book.markup import Document, Reading
from vivavoce.book.types import HEADING_PAUSE_S, SCENE_PAUSE_S, Book, Paragraph
from vivavoce.errors import BookError, UsageError
from vivavoce.text.markup import show

LONGEST_HEADING, SHORT_HEADING = 80, 50
_NUMBER = (
    r"(?:\d{1,4}|[ivxlc]{1,8}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty(?:[- ]\w+)?|"
    r"thirty(?:[- ]\w+)?|the \w{3,12})"
)
HEADING = re.compile(
    rf"(?:chapter|part|book|kapitel|teil|chapitre|partie|cap[ií]tulo|capitolo|parte)\s+{_NUMBER}"
    r"(?:\s*[.:—–-]\s*\S.*|[.:]?)|"
    r"(?:prologue|epilogue|preface|foreword|introduction|afterword|prolog|epilog|vorwort|nachwort)"
    r"[.:]?",
    re.IGNORECASE,
)
"""A whole line that opens a chapter."""

_MARKED = re.compile(r"#{1,6}\s+(\S.*?)\s*#*")
_FRAME = re.compile(r"^\s*\*\*\*\s*(START|END) OF (?:THE|THIS) PROJECT GUTENBERG.*$", re.MULTILINE)
_FACT = re.compile(
    r"^(title|author|lang|language|date)\s*:\s*[\"']?(.*?)[\"']?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_FRONT = re.compile(
    r"\A---[ \t]*\n(?=[\w\"'-]+[ \t]*:)(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL
)
_NOTE = re.compile(r"^\[\^([^\]\s]+)\]:(.*(?:\n(?!\[\^|#{1,6}\s)[^\S\n]*\S.*)*)", re.MULTILINE)
_NOTE_MARK = re.compile(
    r"^(?P<fence>```|~~~)[\s\S]*?^(?P=fence)|(?P<ticks>`+)(?:(?!\n\s*\n)[\s\S])+?(?P=ticks)"
    r"|\[\^(?P<name>[^\]\s]+)\]",
    re.MULTILINE,
)
"""A note's mark; or code, in which it is none."""
_EMPTY = re.compile(r"\n[^\S\n]*\n")


def read_text(path: Path, reading: Reading | None = None) -> Book:
    """A text file: an empty line ends a paragraph, or every line where there are none.

    Lines such as `Chapter 3` and `# Title` open chapters; the frame of Project Gutenberg is no part
    of the book. Raises BookError.
    """
    text = _file(path)
    head, body = _unframed(text)
    facts = dict(_facts(head))
    document = Document(path.name, paragraphs(body))
    return _book(path, [document], facts)


def read_markdown(path: Path, reading: Reading | None = None) -> Book:
    """A Markdown file (CommonMark with tables), with YAML front matter or without."""
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:  # an installation without its dependencies
        raise UsageError(
            "Markdown needs markdown-it-py.", "Install it: pip install markdown-it-py."
        ) from error
    text = _file(path)
    front = _FRONT.match(text)
    body = text[front.end() :] if front else text
    page = MarkdownIt("commonmark").enable("table").render(_with_notes(body))
    facts = dict(_facts(front[1])) if front else {}
    return _book(path, [markup.read(page, path.name, reading)], facts)


def read_html(path: Path, reading: Reading | None = None) -> Book:
    """One page of HTML."""
    document = markup.read(_file(path), path.name, reading)
    facts = {"title": document.title, "language": document.language}
    return _book(path, [document], facts)


def _with_notes(text: str) -> str:
    """Markdown whose footnotes (`[^1]`, `[^1]: words`) are links and asides."""
    names = {found[1] for found in _NOTE.finditer(text)}
    text = _NOTE.sub(lambda note: f"\n\n<aside>\n\n{note[2].strip()}\n\n</aside>\n\n", text)
    mark = '<sup><a href="#note">1</a></sup>'
    return _NOTE_MARK.sub(lambda found: mark if found["name"] in names else found[0], text)


def paragraphs(text: str) -> list[Paragraph]:
    """Those of a text without markup."""
    text = text.strip()
    blocks = _EMPTY.split(text) if _EMPTY.search(text) else text.split("\n")
    found: list[Paragraph] = []
    for part in (part for block in blocks for part in _parted(block)):
        written = " ".join(part.split())
        if not written:
            continue
        if SCENE.fullmatch(written):
            if found:
                found[-1] = Paragraph(found[-1].text, found[-1].kind, SCENE_PAUSE_S)
            continue
        marked = _MARKED.fullmatch(written)
        title = marked[1] if marked else written
        heading = len(title) <= LONGEST_HEADING and (marked or HEADING.fullmatch(title))
        shown = spoken(show(title).text)
        if heading and shown:
            found.append(Paragraph(shown, "heading", HEADING_PAUSE_S))
        elif shown:
            found.append(Paragraph(shown))
    return found


def _parted(block: str) -> list[str]:
    """Lines of one block: a marked heading stands for itself, as does `Chapter 3` at its top."""
    parts: list[list[str]] = [[]]
    for line in block.split("\n"):
        written = " ".join(line.split())
        first = parts == [[]] and len(written) <= SHORT_HEADING and HEADING.fullmatch(written)
        if _MARKED.fullmatch(written) or (first and written[:1].isupper()):
            parts += [[line], []]
        else:
            parts[-1].append(line)
    return ["\n".join(part) for part in parts]


def _book(path: Path, documents: list[Document], facts: dict[str, str]) -> Book:
    title = facts.get("title") or path.stem
    found, left_out = chapters(documents, [], title)
    authors = (facts["author"],) if facts.get("author") else ()
    language, date = facts.get("language") or facts.get("lang", ""), facts.get("date", "")
    language = language if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", language) else ""
    return Book(title, authors, tuple(found), language, None, date, left_out=tuple(left_out))


def _facts(text: str) -> list[tuple[str, str]]:
    return [(found[1].lower(), found[2]) for found in _FACT.finditer(text[:5000])]


def _unframed(text: str) -> tuple[str, str]:
    """What stands before a frame, and what it holds; without a frame nothing and all."""
    marks = list(_FRAME.finditer(text))
    starts = [mark for mark in marks if mark[1] == "START"]
    if not starts:
        return "", text
    begin = starts[0]
    ends = [mark.start() for mark in marks if mark[1] == "END" and mark.start() > begin.end()]
    return text[: begin.start()], text[begin.end() : ends[0] if ends else len(text)]


def _file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(LONGEST_TEXT + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"Cannot read {path}: {reason}.", "Check the path.") from error
    if len(data) > LONGEST_TEXT:
        raise BookError(f"{path} is longer than {LONGEST_TEXT >> 20} MB.", "Split it.")
    if data[:4] in (b"%PDF", b"PK\x03\x04") or b"\0\0\0\0" in data[:1024]:
        raise BookError(f"{path} is not a text file.", "Rename it with the suffix of its format.")
    text = decoded(data)
    if "\0" in text:
        raise BookError(f"{path} is not a text file.", "Give text in UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
