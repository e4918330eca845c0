"""What is read aloud of a page."""

from __future__ import annotations

import pytest

from vivavoce.book import markup
from vivavoce.book.markup import Reading


def lines(html: str, **how: object) -> list[str]:
    return [p.text for p in markup.read(html, "x", Reading(**how)).paragraphs]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("html", "spoken"),
    [
        ("<p><span>T</span><b>HE</b> mill</p>", ["THE mill"]),
        ("<p>al&shy;ways \u200b&#xFB01;ne\u202e</p>", ["always fine"]),
        ("<p>می\u200cروم</p>", ["می\u200cروم"]),
        ("<ol><li></li></ol><p>After.</p>", ["After."]),
        ("<ol><li><img/></li><li>Two.</li></ol><p>After.</p>", ["2. Two.", "After."]),
        ("<p>One<p>Two<div>Three</div>four", ["One", "Two", "Three", "four"]),
        ("<div>One <p>two</p> three</div>", ["One", "two", "three"]),
        ("<p>a<script>x</script><style>y</style><!-- z -->b</p>", ["ab"]),
        ("<p>a<span hidden>x</span><i style='display: none'>y</i>b</p>", ["ab"]),
        ("<p>word<a href='#n'><sup>1</sup></a>.</p>", ["word."]),
        ("<p>word<sup><a href='#n'>[12]</a></sup>.</p>", ["word."]),
        ("<p>word<a epub:type='noteref' href='#n'>*</a>.</p>", ["word."]),
        ("<p>two<sup>2</sup></p>", ["two2"]),
        ("<p>be<span class='pagenum'>[12]</span>fore</p><p class='pagenum'>13</p>", ["before"]),
        ("<p>a<span epub:type='pagebreak' title='3'>3</span>b</p>", ["ab"]),
        ("<ruby>神<rp>(</rp><rt>かみ</rt><rp>)</rp></ruby>だ", ["かみだ"]),
        ("<ruby><rb>東</rb><rt>とう</rt><rb>京</rb><rt>きょう</rt></ruby>", ["とうきょう"]),
        ("<ol start='3'><li>x</li><li><p>y</p></li></ol>", ["3. x", "4. y"]),
        ("<ol reversed start='2'><li>x<li>y</ol>", ["2. x", "1. y"]),
        ("<ul><li>x</li></ul>", ["x"]),
        ("<math alttext='a squared'><mi>a</mi></math>", ["a squared"]),
        ("<p>* * *</p>", []),
        ("<br/><br><p>&nbsp;</p>", []),
        ("<p>a < b & c</p>", ["a < b & c"]),
        ("</p></div>text</p>", ["text"]),
    ],
)
def test_what_is_spoken(html, spoken):
    assert lines(html) == spoken


def test_ruby_may_be_read_as_its_base():
    html = "<ruby>神<rp>(</rp><rt>かみ</rt><rp>)</rp></ruby>だ"
    assert lines(html, ruby="base") == ["神だ"]


def test_notes_and_pictures_are_read_when_asked():
    html = "<p>Text.</p><aside epub:type='footnote'>A note.</aside><img alt='A map'>"
    assert lines(html) == ["Text."]
    assert lines(html, notes=True, alt=True) == ["Text.", "A note.", "A map"]


def test_what_is_skipped_is_reported():
    html = "<p>a</p><table><tr><td>Salt</td></tr></table><pre>x = 1</pre><img alt='A map'>"
    document = markup.read(html, "x")
    found = [(place, each.kind, each.text) for place, each in document.skipped]
    assert found == [(1, "table", "Salt"), (1, "code", "x = 1"), (1, "image", "A map")]


def test_lines_of_a_poem_and_of_a_heading():
    html = "<p>So the wheel<br/>and the water<br/><br/>goes</p><h2>Chapter 1<br/>Mill</h2>"
    found = [(p.text, p.kind, p.pause_s) for p in markup.read(html, "x").paragraphs]
    assert found == [
        ("So the wheel", "line", 0.25),
        ("and the water", "line", 0.7),
        ("goes", "line", 0.7),
        ("Chapter 1", "heading", 0.25),
        ("Mill", "heading", 0.8),
    ]


@pytest.mark.parametrize("mark", ["<hr/>", "<p>* * *</p>", "<div>⁂</div>"])
def test_a_scene_ends_with_a_long_pause(mark):
    document = markup.read(f"<p>One.</p>{mark}<p>Two.</p>", "x")
    assert [p.pause_s for p in document.paragraphs] == [1.5, 0.7]


def test_anchors_count_paragraphs():
    html = "<p>a</p><h2><a id='x'/>b</h2><p id='y'>c</p><p>d<a name='z'></a>e</p>"
    assert markup.read(html, "x").anchors == {"x": 1, "y": 2, "z": 3}
