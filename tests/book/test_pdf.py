"""PDF files as books. Needs the extra `books`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.book import read
from vivavoce.errors import BookError

pytest.importorskip("pypdfium2")


def pdf(path: Path, *pages: list[tuple[float, float, str]]) -> Path:
    """Lines as (size, height, text) on each page."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    objects.append("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    kids = []
    for lines in pages:
        text = "".join(f"BT /F {size} Tf 72 {y} Td ({words}) Tj ET\n" for size, y, words in lines)
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


def test_a_scan_needs_ocr(tmp_path):
    with pytest.raises(BookError, match=r"scanned.*OCR"):
        read(pdf(tmp_path / "x.pdf", [], []))


def test_a_damaged_file(tmp_path):
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.4\n" + bytes(range(256)))
    with pytest.raises(BookError, match="cannot be read"):
        read(path)
