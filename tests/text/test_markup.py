"""Markdown and HTML are read as what they show, and every character keeps its place."""

from __future__ import annotations

import time

import pytest

from vivavoce.text.markup import show


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[link](https://example.com/a)", "link"),
        ('See [the docs](https://x.org/a_(b) "Title") now.', "See the docs now."),
        ("![A cat](cat.png) sleeps", "A cat sleeps"),
        ("As [Smith][ref] said", "As Smith said"),
        ("<https://example.com/a_b>", "https://example.com/a_b"),
        ("**bold** and *it* and ***both***", "bold and it and both"),
        ("__bold__ and _it_, ~~old~~ new", "bold and it, old new"),
        ("**bold *it* and [link](x.md)**", "bold it and link"),
        ("Use `a_b*c*` now", "Use a_b*c* now"),
        ("# Title #\nText", "Title\n\nText"),
        ("## Section", "Section"),
        ("- [x] done\n- [ ] open", "- done\n- open"),
        ("> quoted\n>> deeper", "quoted\ndeeper"),
        ("one\n---\ntwo", "one\n\ntwo"),
        ("```python\nx = 1\n```\n", "\nx = 1\n\n"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b.\n\n\n1, 2.\n"),
        ("&amp; &lt;b&gt; caf&eacute; &#65;&#x42; x&nbsp;y", "& <b> café AB x y"),
        ("<b>Hi</b> <span class='x'>you</span>", "Hi you"),
        ("one<br/>two", "one\ntwo"),
        ("<p>One</p><p>Two</p>", "\n\nOne\n\n\n\nTwo\n\n"),
        ("a<!-- not this -->b<script>x = '<b>'</script>c", "abc"),
        ("m<sup>2</sup> H<sub>2</sub>O", "m² H2O"),
        (r"\*not emphasis\* and \[brackets\]", "*not emphasis* and [brackets]"),
        ("He agreed.[12] Then[3] he left.[note 4]", "He agreed. Then he left."),
        ("The end.¹ Another one.² Footnote¹² here†", "The end. Another one. Footnote here"),
        ("It is known.[citation needed][^1]", "It is known."),
        ("Known [1][2]. Known.[1-3]", "Known [1][2]. Known."),
    ],
)
def test_what_is_shown(written: str, shown: str) -> None:
    assert show(written).text == shown


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 = 24 and 5*3*2",
        "snake_case_name and x__init__y",
        "a < b and c > d, x<y, <laugh> and <|x|>",
        "AT&T; R&D & more &unknown; 100&",
        "5 cm² and 10⁻³ and x² + y²",
        "a[1] and [12] alone",
        "https://x.org/a*b*c_d_e",
        "[pause the video] and [HH AH0 L OW1]",
        "- item\n- item",
        "#hashtag and C# and 1. one",
        "",
    ],
)
def test_what_is_no_markup_stays(text: str) -> None:
    assert show(text).text == text


def test_reference_marks_can_be_kept() -> None:
    assert show("He agreed.[12] So.¹", notes=True).text == "He agreed.[12] So.¹"


def test_places_lead_back_to_the_source() -> None:
    source = "# Top\nSee [the **docs**](https://x.org) &amp; more."
    shown = show(source)
    for word in ("Top", "See", "docs", "&", "more"):
        place = shown.text.index(word)
        assert source[shown.start(place) :].startswith(word)
    place = shown.text.index("docs")
    assert source[: shown.end(place + 4)].endswith("docs")
    assert source[shown.start(shown.text.index("&")) : shown.end(shown.text.index("&") + 1)] == (
        "&amp;"
    )


@pytest.mark.parametrize(
    "piece",
    ["*", "**a", "_a ", "[a](", "[[", "![", "`a", "<b ", "<p a=", "&amp", "<!--", "<script>", "~~a",
     "# ", "|a", "> ", "[^", "[1]", "\\", "***", "- [ ] ", "<p a='", "</"],
)  # fmt: skip
def test_a_megabyte_of_beginnings_ends(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begin = time.process_time()
    shown = show(text)
    assert time.process_time() - begin < 3.0
    assert len(shown.text) <= len(text) + 2 * text.count("\n") + 2
