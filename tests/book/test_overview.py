"""Plans, numbers of chapters, estimates."""

from __future__ import annotations

import pytest

from tests.book.books import novel
from vivavoce.book import Chapter, Paragraph, read
from vivavoce.book.overview import estimated_s, numbers, overview
from vivavoce.errors import UsageError


@pytest.mark.parametrize(
    ("ranges", "found"), [(None, None), ("2", [2]), ("3-4, 1", [1, 3, 4]), ("4-", [4, 5])]
)
def test_numbers(ranges, found):
    assert numbers(ranges, 5) == found


@pytest.mark.parametrize("ranges", ["", "0", "x", "3-2", "6", "4-9", "-3"])
def test_wrong_numbers(ranges):
    with pytest.raises(UsageError):
        numbers(ranges, 5)


def test_an_overview(tmp_path):
    book = read(novel(tmp_path / "n.epub"))
    plan = overview(book, book.chapters[1:])
    assert plan["words"] == 6
    assert plan["chapters"][0]["number"] == 2
    assert plan["chapters"][0]["paragraphs"] == ["The Weir", "Water fell all night."]
    assert plan["cover"]["type"] == "image/png"


def test_estimates_count_what_a_character_says():
    plain = Chapter("", (Paragraph("a" * 150, pause_s=1.0),))
    dense = Chapter("", (Paragraph("山" * 50, pause_s=1.0),))
    assert estimated_s(plain) == pytest.approx(13.25)
    assert estimated_s(dense) == pytest.approx(13.25)
    assert estimated_s(plain, speed=2.0) == pytest.approx(8.25)
