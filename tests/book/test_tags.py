"""Pages as tags and text."""

from __future__ import annotations

import time

import pytest

from vivavoce.book.tags import TagReader


class Events(TagReader):
    def __init__(self) -> None:
        self.found: list[object] = []

    def start(self, tag, attributes):
        self.found.append((tag, attributes) if attributes else tag)

    def end(self, tag):
        self.found.append("/" + tag)

    def text(self, data):
        self.found.append(data if data == "<" else f"={data}")


def events(source: str) -> list[object]:
    reader = Events()
    reader.read(source)
    return reader.found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a<P Class='x'>b</p >c", ["=a", ("p", {"class": "x"}), "=b", "/p", "=c"]),
        ("<br/><img alt=a&amp;b src=c>", ["br", "/br", ("img", {"alt": "a&b", "src": "c"})]),
        ('<a title="1 > 0" hidden>x', [("a", {"title": "1 > 0", "hidden": ""}), "=x"]),
        ("a &lt; b &mdash; &#233; & c", ["=a < b — é & c"]),
        ("1 < 2 <3", ["=1 ", "<", "= 2 ", "<", "=3"]),
        ("a<!-- <b> -->c<!doctype html>d<?x y?>e", ["=a", "=c", "=d", "=e"]),
        ("<![CDATA[a<b]]>", ["=a<b"]),
        ("<script>if (a<b) '</p>'</script>x", ["script", "/script", "=x"]),
        ("<script/>x", ["script", "/script", "=x"]),
        ("<epub:switch epub:type='a b'>", [("epub:switch", {"epub:type": "a b"})]),
        ("<p <b>x", ["p", "b", "=x"]),
        ('<p a="1>x', [("p", {"a": "", "1": ""}), "=x"]),
        ("<p", ["p"]),
        ("</", []),
        ("", []),
    ],
)
def test_events(source, found):
    assert events(source) == found


@pytest.mark.parametrize(
    "piece",
    ["<", "<!", "<!--", "<a ", '<a b="', "<a b='\"", "</", "<![CDATA[", "<?", "&", "<script>"],
)
def test_time_grows_with_the_length(piece):
    begin = time.process_time()
    events(piece * (200_000 // len(piece)))
    assert time.process_time() - begin < 5.0  # a second at most; with its square, minutes
