"""HTML and XHTML as tags and text, in time that grows with the length and no faster.

Reads what people write: ends that are missing, attributes without quotes. Python's own parser
takes minutes for a few hundred kilobytes of tags that never end.
"""

from __future__ import annotations

import re
from html import unescape

_NAME = re.compile(r"[A-Za-z][^\s/>\"'=<]{0,99}")
_ATTRIBUTE = re.compile(
    r"([^\s\"'<>/=]{1,100})(?:\s{0,99}=\s{0,99}(?:\"([^\"]{0,16384})\"|'([^']{0,16384})'|"
    r"([^\s\"'<>]{1,2000})))?"
)
_GAP = re.compile(r"[\s/]+")
_RAW = frozenset({"script", "style"})


class TagReader:
    """Calls a method for each tag and each text; entities are characters by then."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A tag in small letters; of an attribute that stands twice the first counts."""

    def end(self, tag: str) -> None:
        """Also of a tag that ends itself, as `<br/>` does."""

    def text(self, data: str) -> None:
        """What stands between tags."""

    def style(self, data: str) -> None:
        """The rules of a `<style>` element."""

    def read(self, source: str) -> None:
        """Reads a whole page."""
        place, length = 0, len(source)
        while place < length:
            mark = source.find("<", place)
            if mark < 0:
                mark = length
            if mark > place:
                self.text(unescape(source[place:mark]))
            place = self._markup(source, mark) if mark < length else length

    def _markup(self, source: str, place: int) -> int:
        """Reads what begins with `<`; where to go on."""
        following = source[place + 1 : place + 2]
        if following.isascii() and following.isalpha():
            return self._tag(source, place + 1)
        if following == "/":
            return self._end_tag(source, place + 2)
        if source.startswith("<![CDATA[", place):
            stop = _find(source, "]]>", place)
            self.text(source[place + 9 : stop])
            return stop + 3
        if source.startswith("<!--", place):
            return _find(source, "-->", place + 4) + 3
        if following in ("!", "?"):
            return _find(source, ">", place) + 1
        self.text("<")
        return place + 1

    def _tag(self, source: str, place: int) -> int:
        name = _NAME.match(source, place)
        if name is None:  # the first character is a letter, so there is one
            return place
        tag, place = name[0].lower(), name.end()
        attributes: dict[str, str] = {}
        closed = False
        while place < len(source) and source[place] not in "><":
            if gap := _GAP.match(source, place):
                closed, place = "/" in gap[0], gap.end()
            elif found := _ATTRIBUTE.match(source, place):
                value = next((v for v in found.groups()[1:] if v is not None), "")
                attributes.setdefault(found[1].lower(), unescape(value))
                closed, place = False, found.end()
            else:
                place += 1
        if source[place : place + 1] == ">":
            place += 1
        self.start(tag, attributes)
        if closed:
            self.end(tag)
        elif tag in _RAW:
            return self._after_raw(source, place, tag)
        return place

    def _after_raw(self, source: str, place: int, tag: str) -> int:
        """Behind a script, whose text is no markup."""
        found = re.compile(rf"</{tag}", re.IGNORECASE).search(source, place)
        stop = found.start() if found else len(source)
        if tag == "style":
            self.style(source[place:stop])
        return stop

    def _end_tag(self, source: str, place: int) -> int:
        name = _NAME.match(source, place)
        if name:
            self.end(name[0].lower())
        return _find(source, ">", place) + 1


def _find(source: str, mark: str, place: int) -> int:
    """Where the mark stands; the end where there is none."""
    found = source.find(mark, place)
    return found if found >= 0 else len(source)
