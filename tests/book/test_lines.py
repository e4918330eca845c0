"""Lines of printed pages as paragraphs."""

from __future__ import annotations

from vivavoce.book.lines import Outline, PageLine, document

WIDE, SHORT = 400.0, 150.0


def line(text: str, number: int, right: float = WIDE, left: float = 72.0, size: float = 12.0):
    return PageLine(text, left, right, 700.0 - 16.0 * number, size)


def texts(*pages: list[PageLine]) -> list[str]:
    return [paragraph.text for paragraph in document("x", pages, [])[0].paragraphs]


def test_paragraphs_end_at_short_lines_indents_and_gaps():
    page = [
        line("The mill stood by the", 0),
        line("river.", 1, SHORT),
        line("It was old", 2),
        line("Nobody knew", 3, left=90.0),
        line("why. And", 4),
        line("then came winter", 6),
    ]
    assert texts(page) == [
        "The mill stood by the river.",
        "It was old",
        "Nobody knew why. And",
        "then came winter",
    ]


def test_a_paragraph_goes_on_over_the_page():
    assert texts([line("it went", 0)], [line("on and on.", 0)]) == ["it went on and on."]


def test_words_that_a_line_parted():
    page = [line("it al-", 0), line("ways was a so-", 1), line("called well-", 2)]
    page += [line("known red-hot red-", 3), line("hot Anglo-", 4), line("Saxon", 5)]
    assert texts(page) == ["it always was a so-called well-known red-hot red-hot Anglo- Saxon"]


def test_headings_are_large_or_say_so():
    page = [line("THE WEIR", 0, SHORT, size=18.0), line("Chapter 2", 1, SHORT), line("Water.", 2)]
    kinds = [p.kind for p in document("x", [page], [])[0].paragraphs]
    assert kinds == ["heading", "heading", "text"]


def test_an_outline_points_at_its_line():
    pages = [[line("Some text.", 0, SHORT), line("The Weir", 1, SHORT), line("Water", 2)]]
    found, entries = document("x", pages, [Outline("The Weir", 0, 1)])
    assert [p.text for p in found.paragraphs] == ["Some text.", "The Weir", "Water"]
    assert found.anchors[entries[0].anchor] == 1
