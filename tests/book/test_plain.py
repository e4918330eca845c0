"""Text, Markdown and HTML files as books."""

from __future__ import annotations

import pytest

from vivavoce.book import Reading, read
from vivavoce.errors import BookError

GUTENBERG = """Title: The Mill
Author: A. Tester

*** START OF THE PROJECT GUTENBERG EBOOK THE MILL ***

CHAPTER I. The Mill

The mill stood by the river, and it had
always stood there._

* * *

Then came winter.[12]

Chapter 2

It ended.

*** END OF THE PROJECT GUTENBERG EBOOK THE MILL ***

Licence text.
"""


def test_a_text_with_a_frame(tmp_path):
    path = tmp_path / "mill.txt"
    path.write_text(GUTENBERG.replace("there._", "there."), encoding="utf-8")
    book = read(path)
    assert (book.title, book.authors) == ("The Mill", ("A. Tester",))
    assert [c.title for c in book.chapters] == ["CHAPTER I. The Mill", "Chapter 2"]
    assert [(p.text, p.pause_s) for p in book.chapters[0].paragraphs] == [
        ("CHAPTER I. The Mill", 0.8),
        ("The mill stood by the river, and it had always stood there.", 1.5),
        ("Then came winter.", 0.7),
    ]
    assert book.chapters[1].paragraphs[-1].text == "It ended."


def test_a_text_without_empty_lines_or_headings(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes("One café.\r\nTwo.\r\n".encode("cp1252"))
    book = read(path)
    assert [c.title for c in book.chapters] == ["notes"]
    assert [p.text for p in book.chapters[0].paragraphs] == ["notes", "One café.", "Two."]


@pytest.mark.parametrize("text", ["Part of me wondered.", "Chapter and verse.", "Book club"])
def test_sentences_are_no_headings(tmp_path, text):
    path = tmp_path / "x.txt"
    path.write_text(f"{text}\n\nMore.", encoding="utf-8")
    assert [p.kind for p in read(path).chapters[0].paragraphs] == ["heading", "text", "text"]


def test_markdown(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(
        "---\ntitle: 'Tides'\nauthor: A. Moon\nlanguage: en-GB\n---\n# One\n\nSome *words*.\n\n"
        "```\ncode\n```\n\n## Two\n\n1. first\n2. second\n",
        encoding="utf-8",
    )
    book = read(path)
    assert (book.title, book.authors, book.language) == ("Tides", ("A. Moon",), "en-GB")
    assert [[p.text for p in c.paragraphs] for c in book.chapters] == [
        ["One", "Some words."],
        ["Two", "1. first", "2. second"],
    ]
    assert [each.kind for each in book.chapters[0].skipped] == ["code"]


def test_html(tmp_path):
    path = tmp_path / "x.html"
    path.write_bytes(
        b"<html lang=fr><meta charset=iso-8859-1><title>Le caf\xe9</title><p>Un caf\xe9.</html>"
    )
    book = read(path)
    assert (book.title, book.language) == ("Le café", "fr")
    assert [p.text for p in book.chapters[0].paragraphs] == ["Le café", "Un café."]


def test_what_is_no_text(tmp_path):
    for name, data, what in (
        ("a.txt", b"PK\x03\x04....", "not a text file"),
        ("b.txt", b"x\0\0\0\0", "not a text file"),
        ("c.txt", b" \n", "no text to read"),
        ("d.txt", b"x" * ((16 << 20) + 1), "longer than 16 MB"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BookError, match=what):
            read(tmp_path / name)


def test_footnotes_of_markdown(tmp_path):
    path = tmp_path / "x.md"
    path.write_text("---\nlang: de\n---\n# One\n\nText[^a] and [^b].\n\n[^a]: The note.\n\nMore.\n")
    book = read(path)
    assert book.language == "de"
    (chapter,) = book.chapters
    assert [p.text for p in chapter.paragraphs] == ["One", "Text and [^b].", "More."]
    assert [(s.kind, s.text) for s in chapter.skipped] == [("note", "The note.")]
    (chapter,) = read(path, Reading(notes=True)).chapters
    assert "The note." in [p.text for p in chapter.paragraphs]


def test_what_a_page_does_not_show(tmp_path):
    path = tmp_path / "x.html"
    path.write_text(
        "<style>p, .no { display: none } @media print { .so { display: none } } .No{display:none}"
        "</style><p>One.</p><p class='no big'>x</p><p class=so>Two.</p><noscript>x</noscript>"
        "<p>Three.<button>x</button><iframe>x</iframe></p>"
    )
    (chapter,) = read(path).chapters
    assert [p.text for p in chapter.paragraphs][1:] == ["One.", "Two.", "Three."]


def test_a_binary_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(bytes(range(256)) * 9)
    with pytest.raises(BookError, match="not a text file"):
        read(path)


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("Chapter 1\nIt stood there.\n\nChapter 2\nWater fell.", ["Chapter 1", "Chapter 2"]),
        ("Chapter 1: The Mill\nIt stood there.\n\nMore.", ["Chapter 1: The Mill"]),
        ("# The Mill\nIt stood.\n# Weir\nWater fell.\n\nEnd.", ["The Mill", "Weir"]),
        ("Chapter 1\nIt stood there.\nChapter 2\nWater fell.\n\n", ["Chapter 1", "Chapter 2"]),
        ("It is told in\nChapter 3\nof the book.\n\nMore.", ["x"]),
        ("part 2 of it\nis a line.\n\nMore.", ["x"]),
    ],
)
def test_a_heading_needs_no_empty_line_behind_it(tmp_path, text, titles):
    (tmp_path / "x.txt").write_text(text, encoding="utf-8")
    assert [c.title for c in read(tmp_path / "x.txt").chapters] == titles


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("# A\n\nOne.[^1]\n\n[^1]: See\n# B\n\nTwo.", ["A", "B"]),
        ("---\n\n# A\n\nOne.\n\n---\n\n# B\n\nTwo.", ["A", "B"]),
        ("---\ntitle: T\n---\n\n# A\n\nOne.", ["A"]),
    ],
)
def test_headings_of_markdown_are_not_lost(tmp_path, text, titles):
    (tmp_path / "x.md").write_text(text, encoding="utf-8")
    assert [c.title for c in read(tmp_path / "x.md").chapters] == titles


def test_a_note_s_mark_in_code_is_none(tmp_path):
    text = "# A\n\nWrite `[^1]` so.[^1] A stray ` here.\n\nAnd.[^1]\n\n[^1]: A note.\n"
    (tmp_path / "x.md").write_text(text, encoding="utf-8")
    (chapter,) = read(tmp_path / "x.md").chapters
    said = " ".join(p.text for p in chapter.paragraphs)
    assert "sup" not in said
    assert said.count("[^1]") == 1
