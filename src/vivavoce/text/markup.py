"""Markdown and HTML -> the text that they show, with the place of each character in the source.

Links become their text, emphasis and headings lose their marks, entities become characters,
reference marks such as `[12]` are left out.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Edit(NamedTuple):
    """`source[start:end]` is shown as `text`."""

    start: int
    end: int
    text: str = ""


@dataclass(frozen=True)
class VisibleText:
    """The text that is shown. `start(i)` and `end(i)` are places in the source.

    Run `n` begins at `text[runs[n]]` and at `source[starts[n]]`; `ends[n]` is the end in the source
    of what a run replaces, -1 for a run that is as in the source.
    """

    text: str
    runs: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def start(self, index: int) -> int:
        """Where in the source the character `text[index]` comes from."""
        run = bisect_right(self.runs, index) - 1
        return self.starts[run] + (index - self.runs[run] if self.ends[run] < 0 else 0)

    def end(self, index: int) -> int:
        """Where in the source the text before `index` ends."""
        if index == 0:
            return self.starts[0]
        run = bisect_right(self.runs, index - 1) - 1
        return self.starts[run] + index - self.runs[run] if self.ends[run] < 0 else self.ends[run]


STEP = 500
"""Edits that are made in one step of `showing`, about a millisecond."""

ANY = re.compile(r"[\\*_`~\[<&#>|†‡¹²³⁰-⁹]|^[ \t]*[-=]{3,}[ \t]*$", re.MULTILINE)

_INLINE = {"a", "abbr", "acronym", "address", "audio", "b", "bdi", "bdo", "big", "cite", "code",
           "data", "del", "dfn", "em", "emphasis", "font", "i", "img", "ins", "kbd", "label",
           "lang", "mark", "nobr", "paragraph", "phoneme", "prosody", "q", "rp", "rt", "ruby", "s",
           "samp", "say-as", "sentence", "small", "span", "speak", "strike", "strong", "sub", "tt",
           "svg", "time", "u", "var", "voice", "w", "wbr"}  # fmt: skip
_BLOCK = {"article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div",
          "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4",
          "h5", "h6", "head", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre",
          "section", "summary", "table", "tbody", "tfoot", "thead", "title", "tr",
          "ul"}  # fmt: skip
_CELL = {"td", "th"}
HIDDEN = (
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<script\b", re.IGNORECASE), re.compile(r"</script>", re.IGNORECASE)),
    (re.compile(r"<style\b", re.IGNORECASE), re.compile(r"</style>", re.IGNORECASE)),
)
_NAMES = "|".join(sorted({*_INLINE, *_BLOCK, *_CELL, "br", "sup"}, key=len, reverse=True))
_VALUE = r"(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'|[^\s\"'<>=]{1,200})"
TAG = re.compile(
    rf"</?(?=[a-z])(?P<tag>{_NAMES})(?:\s{{1,20}}[\w:.-]{{1,40}}\s{{0,9}}=\s{{0,9}}{_VALUE}){{0,20}}"
    r"\s{0,20}/?>",
    re.IGNORECASE,
)
POWER = re.compile(r"<sup>([0-9]{1,3})</sup>", re.IGNORECASE)
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
DECLARATION = re.compile(r"<(?:!DOCTYPE|\?xml)[^<>]{0,500}>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
URL = re.compile(r"(?:https?|ftp)://[^\s<>\[\]]{1,2000}")

ESCAPE = re.compile(r"\\[\\*_`~\[\]<>#]")
FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)[^`\n]{0,99}$\n?", re.MULTILINE)
CODE = re.compile(r"(?<![\\`])`(?![\s`])(?P<inner>[^`\n]{0,499}[^\s`])`(?!`)")
LINK = re.compile(
    r"(?<!\\)!?\[(?P<inner>[^\[\]\n]{1,500})\]"
    r"(?:\([ \t]{0,9}(?:<[^<>\n]{0,2000}>|[^\s()<>\[\]]{1,2000}(?:\([^\s()\[\]]{0,200}\)"
    r"[^\s()\[\]]{0,200})?)(?:[ \t]{1,9}[\"'][^\"'\n]{0,300}[\"'])?[ \t]{0,9}\)"
    r"|(?<=[^\d\W]\])\[(?!\^)[^\[\]\n]{0,100}\])"
)
DEFINITION = re.compile(
    r"^[ \t]{0,3}\[[^\[\]\n^][^\[\]\n]{0,99}\]:[ \t]*\S[^\n]{0,2000}\n?", re.MULTILINE
)
AUTOLINK = re.compile(r"<(?P<inner>(?:https?|ftp|mailto):[^\s<>]{1,2000})>", re.IGNORECASE)
EMPHASIS = (
    re.compile(
        r"(?<![\w*\\])\*{3}(?![\s*])(?P<inner>(?:[^*\n]|\n(?!\s*\n)){1,1000})(?<!\s)\*{3}(?![\w*])"
    ),
    re.compile(
        r"(?<![*\\])\*{2}(?![\s*])(?P<inner>(?:[^*\n]|\n(?!\s*\n)|\*(?!\*)){1,1000})(?<![\s*])\*{2}(?!\*)"
    ),
    re.compile(
        r"(?<![\w*\\])\*(?![\s*])(?P<inner>(?:[^*\n]|\n(?!\s*\n)|\*\*){1,1000})(?<![\s*])\*(?![\w*])"
    ),
    re.compile(
        r"(?<![\w\\])__(?![\s_])(?P<inner>(?:[^_\n]|\n(?!\s*\n)|_(?!_)){1,1000})(?<!\s)__(?!\w)"
    ),
    re.compile(r"(?<![\w\\])_(?![\s_])(?P<inner>(?:[^_\n]|\n(?!\s*\n)){1,1000})(?<!\s)_(?!\w)"),
    re.compile(r"(?<![~\\])~~(?![\s~])(?P<inner>[^~\n]{1,1000})(?<!\s)~~(?!~)"),
)
HEADING = re.compile(
    r"^[ \t]{0,3}#{1,6}[ \t]+(?=\S)(?P<inner>[^\n]*?)(?:[ \t]+#+)?[ \t]*(?=\n|\Z)", re.MULTILINE
)
RULE = re.compile(
    r"^[ \t]{0,3}(?:-{3,}|={3,}|_{3,}|\*{3,}|(?:[*_-][ \t]){2,9}[*_-])[ \t]*$", re.MULTILINE
)
QUOTE = re.compile(r"^(?:[ \t]{0,3}>){1,9}[ \t]?(?=[ \t]*[^\s\d>])", re.MULTILINE)
TASK = re.compile(r"^(?P<bullet>[ \t]{0,20}[-*+] )\[[ xX]\] (?=\S)", re.MULTILINE)
ROW = re.compile(r"^[ \t]*\|(?P<inner>[^\n]{1,2000})\|[ \t]*$", re.MULTILINE)
DIVIDER = re.compile(r"[ \t:|-]+")
BAR = re.compile(r"(?:(?<![ \t])[ \t]++)?(?<!\\)\|[ \t]*+")

NOTE = re.compile(
    r"\[\^[^\[\]\s]{1,40}\]:?[ \t]?(?=\S)|\[\^[^\[\]\s]{1,40}\]|\[citation needed\]", re.IGNORECASE
)
REFERENCE = re.compile(
    r"(?:(?<=[.!?…,;:\"'”’»)])|(?<=\w\w)|(?<=\w[.!?,\"'”’] ))(?<!\\)"
    r"(?:\[(?:note )?\d{1,3}(?:(?:, ?|[-–])\d{1,3}){0,9}\]){1,9}(?![\w(])"
)
RAISED = re.compile(
    r"(?:(?<=[.!?…;:,\"'”’»)])|(?<=[^\W\d_]{4}))[¹²³⁰⁴-⁹]{1,3}(?![\w¹²³⁰⁴-⁹⁻])|(?<=[\w.!?,;:\"'”’)])[†‡]{1,3}"
)


def show(source: str, notes: bool = False) -> VisibleText:
    """What a reader of the page would see. `notes` keeps reference marks: `[12]`, `.¹`."""
    steps = showing(source, notes)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def showing(source: str, notes: bool = False) -> Generator[None, None, VisibleText]:
    """`show` in short steps, so that a server can do other work between them."""
    if not ANY.search(source):
        return VisibleText(source, (0,), (0,), (-1,))
    kept = [(m.start(), m.end()) for m in URL.finditer(source)]
    kept += [m.span("inner") for m in CODE.finditer(source)]
    edits: list[Edit] = []
    for number, edit in enumerate(_edits(source, notes)):
        if edit is not None:
            edits.append(edit)
        if edit is None or number % STEP == 0:
            yield
    edits.sort(key=lambda edit: (edit.start, -edit.end))
    return (yield from _apply(source, edits, sorted(kept)))


def _apply(
    source: str, edits: list[Edit], kept: list[tuple[int, int]]
) -> Generator[None, None, VisibleText]:
    """Without edits that lie in another, or that begin within what is kept as it is."""
    firsts = [first for first, _ in kept]
    pieces: list[str] = []
    runs, starts, ends = [0], [0], [-1]
    place = size = 0
    for number, edit in enumerate(edits):
        if number % STEP == 0:
            yield
        span = bisect_right(firsts, edit.start) - 1
        if edit.start < place or (span >= 0 and edit.start < kept[span][1]):
            continue
        before = source[place : edit.start]
        pieces += (before, edit.text)
        size += len(before)
        if edit.text:
            runs.append(size)
            starts.append(edit.start)
            ends.append(edit.end)
            size += len(edit.text)
        runs.append(size)
        starts.append(edit.end)
        ends.append(-1)
        place = edit.end
    pieces.append(source[place:])
    return VisibleText("".join(pieces), tuple(runs), tuple(starts), tuple(ends))


def _edits(source: str, notes: bool) -> Iterator[Edit | None]:
    """Of one rule after the other, with None between them."""
    yield from _hidden(source)
    for pattern, edits in RULES if notes else RULES + REFERENCES:
        yield None
        for match in pattern.finditer(source):
            yield from edits(match)


def _hidden(source: str) -> Iterator[Edit]:
    """Comments, scripts and styles, each to its end; without an end they are text."""
    for opening, closing in HIDDEN:
        found = opening.search(source)
        while found:
            end = closing.search(source, found.end())
            if end is None:
                break
            yield Edit(found.start(), end.end())
            found = opening.search(source, end.end())


def _dropped(match: re.Match[str]) -> Iterator[Edit]:
    yield Edit(*match.span())


def _line_end(match: re.Match[str]) -> Iterator[Edit]:
    yield Edit(*match.span(), "\n")


def _power(match: re.Match[str]) -> Iterator[Edit]:
    yield Edit(*match.span(), match[1].translate(SUPERSCRIPT))


def _tag(match: re.Match[str]) -> Iterator[Edit]:
    if match.string[match.start() - 1 : match.start()] == "\\":
        return
    name, shown = match["tag"].lower(), ""
    if name in _BLOCK:
        shown = "\n\n"
    elif name in _CELL:
        shown = ", " if match[0].startswith("</") else ""
    elif name == "br":
        shown = "\n"
    yield Edit(*match.span(), shown)


def _entity(match: re.Match[str]) -> Iterator[Edit]:
    character = html.unescape(match[0])
    if character != match[0]:
        yield Edit(*match.span(), "".join(c if c.isprintable() else " " for c in character))


def _heading(match: re.Match[str]) -> Iterator[Edit]:
    start, end = match.span("inner")
    yield Edit(match.start(), start)
    if match.end() < len(match.string):
        yield Edit(end, match.end() + 1, "\n\n")
    elif end < match.end():
        yield Edit(end, match.end())


def _task(match: re.Match[str]) -> Iterator[Edit]:
    yield Edit(match.end("bullet"), match.end())


def _row(row: re.Match[str]) -> Iterator[Edit]:
    """Cells of a table are parted by commas; the line under the head is not shown."""
    if DIVIDER.fullmatch(row["inner"]):
        yield Edit(row.start(), row.end())
        return
    start, end = row.span("inner")
    start += len(row["inner"]) - len(row["inner"].lstrip())
    end -= len(row["inner"]) - len(row["inner"].rstrip())
    if start >= end:
        return
    yield Edit(row.start(), start)
    for bar in BAR.finditer(row.string, start, end):
        yield Edit(bar.start(), bar.end(), ", ")
    yield Edit(end, row.end(), ".\n")


def _escape(match: re.Match[str]) -> Iterator[Edit]:
    yield Edit(match.start(), match.start() + 1)


def _inner(match: re.Match[str]) -> Iterator[Edit]:
    """Only what stands inside the marks is shown."""
    start, end = match.span("inner")
    yield Edit(match.start(), start)
    yield Edit(end, match.end())


def _link(match: re.Match[str]) -> Iterator[Edit]:
    if not match["inner"].isdigit() or match[0].endswith(")"):
        yield from _inner(match)


MarkupRule = tuple[re.Pattern[str], Callable[[re.Match[str]], Iterable[Edit]]]
RULES: tuple[MarkupRule, ...] = (
    (DECLARATION, _dropped), (POWER, _power), (TAG, _tag), (ENTITY, _entity),
    (HEADING, _heading), (FENCE, _line_end), (DEFINITION, _line_end), (RULE, _dropped),
    (QUOTE, _dropped), (TASK, _task), (ROW, _row), (ESCAPE, _escape), (CODE, _inner),
    (AUTOLINK, _inner), *((pattern, _inner) for pattern in EMPHASIS), (LINK, _link),
    (NOTE, _dropped),
)  # fmt: skip
REFERENCES: tuple[MarkupRule, ...] = ((REFERENCE, _dropped), (RAISED, _dropped))
