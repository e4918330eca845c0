"""Plain numbers, fractions, ranges and codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("1.5M users", "one point five million users"),
    ("H₂O", "H two O"),
    ("8000000000 people", "eight billion people"),
    ("1/4", "one quarter"),
    ("22/3", "twenty-two thirds"),
    ("2 1/2", "two and a half"),
    ("1½ cups", "one and a half cups"),
    ("5/0", "five slash zero"),
    ("24/7", "twenty-four seven"),
    ("121st", "one hundred twenty-first"),
    ("4rd", "four rd"),
    ("3D", "three D"),
    ("2-5", "two to five"),
    ("3-2", "three to two"),
    ("1-2=5", "one minus two equals five"),
    ("-0.1", "minus zero point one"),
    ("1,234,567", "one million two hundred thirty-four thousand five hundred and sixty-seven"),
    ("1234567890123", "one two three four five six seven eight nine zero one two three"),
    ("B2B C24 t2000", "B two B C twenty-four t two thousand"),
    ("COVID-19", "COVID-nineteen"),
    ("114...48", "one hundred and fourteen...forty-eight"),
    ("(1)", "(one)"),
    ("2^8", "two to the power of eight"),
    ("٣ and １２", "three and twelve"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
