"""Dates, years, decades and eras."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("Since 1066", "Since ten sixty-six"),
    ("the 2019/20 season", "the twenty nineteen to twenty season"),
    ("jan 15 2020", "January fifteenth twenty twenty"),
    ("August 23, 2002", "August twenty-third, two thousand two"),
    ("25th July 2012", "the twenty-fifth of July twenty twelve"),
    ("the 4th of March", "the fourth of March"),
    ("2016-11-03", "November third, twenty sixteen"),
    ("10/06/2005", "October sixth, two thousand five"),
    ("15.01.2020", "the fifteenth of January twenty twenty"),
    ("99/99/2020", "ninety-nine slash ninety-nine slash two thousand and twenty"),
    ("June 5-7", "June fifth to seventh"),
    ("the 1980s and '90s", "the nineteen eighties and nineties"),
    ("mid-80s", "mid eighties"),
    ("1939–45", "nineteen thirty-nine to forty-five"),
    ("44 BC", "forty-four B C"),
    ("AD 79", "A D seventy-nine"),
    ("2Q22", "the second quarter of twenty-two"),
    ("Q3 2024", "the third quarter of twenty twenty-four"),
    ("In 1850 workers left.", "In eighteen fifty workers left."),
    ("1850 workers left.", "one thousand eight hundred and fifty workers left."),
    ("You may 5 times march 3 miles.", "You may five times march three miles."),
    ("Mon.-Fri.", "Monday to Friday."),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
