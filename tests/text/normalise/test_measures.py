"""Quantities with units."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("5.5kg", "five point five kilograms"),
    ("1 km/h", "one kilometer per hour"),
    ("60 mph", "sixty miles per hour"),
    ("2°C", "two degrees Celsius"),
    (
        "41,459.00 km³",
        "forty-one thousand four hundred and fifty-nine point zero zero cubic kilometers",
    ),
    ("2.4 GHz", "two point four gigahertz"),
    ("16GB", "sixteen gigabytes"),
    ("50%", "fifty percent"),
    ("10-15%", "ten to fifteen percent"),
    ("4 1/2 lbs", "four and a half pounds"),
    ("3/4 lb", "three quarters of a pound"),
    ("1/2 in", "half an inch"),
    ("6'2\"", "six feet two inches"),
    ('12"', "twelve inches"),
    ('"text 7" more', '"text seven" more'),
    ("2x8 m2", "two by eight square meters"),
    ("5 × 3 = 15", "five times three equals fifteen"),
    ("7.2-millimeter bullet", "seven point two millimeter bullet"),
    ("100 million kg", "one hundred million kilograms"),
    ("approx. 5 min. of it", "approximately five minutes of it"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
