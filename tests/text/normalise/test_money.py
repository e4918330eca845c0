"""Sums of money."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("$3.50", "three dollars fifty cents"),
    ("$0.01", "one cent"),
    ("$1", "one dollar"),
    ("$20.506", "twenty point five zero six dollars"),
    ("$3.5 million", "three point five million dollars"),
    ("$1.5M", "one point five million dollars"),
    ("US$5bn", "five billion U S dollars"),
    ("£2.01", "two pounds one penny"),
    ("20 €", "twenty euros"),
    ("100 USD", "one hundred U S dollars"),
    ("¥500", "five hundred yen"),
    ("$5-10 million", "five to ten million dollars"),
    ("$50.00-$100.00", "fifty dollars to one hundred dollars"),
    ("$20/mo", "twenty dollars per month"),
    ("-$5", "minus five dollars"),
    ("R$2", "two reais"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
