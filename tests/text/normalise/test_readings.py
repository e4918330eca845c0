"""488 lines from real life against what a good reader says: `tests/data/readings.tsv`.

A line holds the written form and one or more readings, parted by tabs. They are compared as the
benchmark compares: letters only, without the "and" of numbers.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.text_normalisation import canonical
from vivavoce.text.markup import show
from vivavoce.text.normalise import normalise

LINES = Path(__file__).parents[2] / "data" / "readings.tsv"
LEAST = 0.98


def read(written: str) -> str:
    return normalise(show(written).text).text


def test_lines_from_life_are_read_as_a_good_reader_does() -> None:
    rows = [line.split("\t") for line in LINES.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 400
    assert len({row[0] for row in rows}) == len(rows)
    wrong = [
        f"{written!r} -> {read(written)!r}"
        for written, *readings in rows
        if canonical(read(written)) not in {canonical(reading) for reading in readings}
    ]
    assert len(wrong) <= (1 - LEAST) * len(rows), "\n".join(wrong)
