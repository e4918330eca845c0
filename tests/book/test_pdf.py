"""PDF files as books. Needs the extra `books`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.book import read
from vivavoce.errors import BookError

pytest.importorskip("pypdfium2")


def pdf(path: Path, *pages: list[tuple]) -> Path:
    """Lines as (size, height, text) on each page; a fourth value is the place from the left."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    kids = []
    for lines in pages:
        text = "".join(
            f"BT /F {size} Tf {x[0] if x else 72} {y} Td ({words}) Tj ET\n"
            for size, y, words, *x in lines
        )
        objects.append(f"<</Length {len(text)}>>stream\n{text}endstream")
        resources = f"/Resources<</Font<</F 3 0 R>>>>/Contents {len(objects)} 0 R"
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{resources}>>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>"
    data, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj{body}endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    end = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF\n"
    path.write_bytes((data + head + table + end).encode("ascii"))
    return path


def test_headers_numbers_and_notes_are_left_out(tmp_path):
    pages = [
        [
            (9.0, 800.0, "THE MILL"),
            (12.0, 760.0, f"Chapter {number}"),
            (12.0, 740.0, "The mill stood by the river and"),
            (12.0, 724.0, "it was old."),
            (8.0, 80.0, "1 A note about copper."),
            (9.0, 40.0, f"- {number} -"),
        ]
        for number in (1, 2, 3)
    ]
    book = read(pdf(tmp_path / "mill.pdf", *pages))
    assert [c.title for c in book.chapters] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert [p.text for p in book.chapters[1].paragraphs] == [
        "Chapter 2",
        "The mill stood by the river and it was old.",
    ]


def test_chapters_of_large_type_are_no_headers(tmp_path):
    said = ("The mill stood there, quite alone.", "It was old by then.", "Then came the winter.")
    pages = [
        [(20.0, 760.0, f"{number}. The Mill"), (12.0, 700.0, text)]
        for number, text in enumerate(said, 1)
    ]
    book = read(pdf(tmp_path / "mill.pdf", *pages))
    assert [c.title for c in book.chapters] == ["1. The Mill", "2. The Mill", "3. The Mill"]


LEFT = ("The mill stood by the river", "and had always stood there.", "Nobody knew", "its")
RIGHT = ("owner. The weir was on the", "other side, and water fell", "over it all night,", "Ann")


@pytest.mark.parametrize("side_by_side", [True, False])
def test_columns_are_read_one_after_the_other(tmp_path, side_by_side):
    """However the file orders them; a line over the whole page stays where it is."""
    left = [(12.0, 700.0 - 16 * n, text, 72) for n, text in enumerate(LEFT)]
    right = [(12.0, 700.0 - 16 * n, text, 320) for n, text in enumerate(RIGHT)]
    rows = [line for row in zip(left, right, strict=True) for line in row]
    lines = rows if side_by_side else [*left, *right]
    last = (12.0, 600.0, "said, and this line goes over both columns of the page, to its end.")
    book = read(pdf(tmp_path / "x.pdf", [*lines, last]))
    assert [p.text for p in book.chapters[0].paragraphs][1:] == [
        f"{' '.join((*LEFT, *RIGHT))}",
        last[2],
    ]


def test_a_table_is_read_by_rows(tmp_path):
    lines = [(12.0, 700.0 - 16 * n, f"{word} is dear", 72) for n, word in enumerate("AB")]
    prices = [(12.0, 700.0 - 16 * n, f"{n}.50", 320) for n in range(2)]
    rows = [line for row in zip(lines, prices, strict=True) for line in row]
    (chapter,) = read(pdf(tmp_path / "x.pdf", rows)).chapters
    assert "A is dear 0.50 B is dear 1.50" in chapter.text


def test_a_scan_needs_ocr(tmp_path):
    with pytest.raises(BookError, match=r"scanned.*OCR"):
        read(pdf(tmp_path / "x.pdf", [], []))


def test_a_damaged_file(tmp_path):
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.4\n" + bytes(range(256)))
    with pytest.raises(BookError, match="cannot be read"):
        read(path)
