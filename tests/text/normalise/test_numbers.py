"""English names of numbers."""

from __future__ import annotations

import pytest

from vivavoce.text.normalise import numbers


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (21, "twenty-one"),
        (100, "one hundred"),
        (105, "one hundred and five"),
        (1001, "one thousand and one"),
        (18081, "eighteen thousand and eighty-one"),
        (123000, "one hundred twenty-three thousand"),
        (-7, "minus seven"),
        (10**33, "one decillion"),
    ],
)
def test_cardinals(n: int, words: str) -> None:
    assert numbers.cardinal(n) == words


def test_a_number_without_a_name_is_spelled() -> None:
    assert numbers.cardinal(10**36).startswith("one zero zero")
    assert numbers.read("1" * 5000).count("one") == 5000


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "first"),
        (12, "twelfth"),
        (20, "twentieth"),
        (33, "thirty-third"),
        (1000, "one thousandth"),
        (1005, "one thousand and fifth"),
    ],
)
def test_ordinals(n: int, words: str) -> None:
    assert numbers.ordinal(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1066, "ten sixty-six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (2000, "two thousand"),
        (2006, "two thousand six"),
        (2023, "twenty twenty-three"),
        (44, "forty-four"),
    ],
)
def test_years(n: int, words: str) -> None:
    assert numbers.year(n) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,234.50", "one thousand two hundred and thirty-four point five zero"),
        (".5", "point five"),
        ("007", "zero zero seven"),
    ],
)
def test_written_numbers(text: str, words: str) -> None:
    assert numbers.read(text) == words


def test_codes_and_plurals() -> None:
    read = [numbers.grouped_digits(t) for t in ("05", "7", "105", "321", "700", "2788", "95051")]
    assert read[:4] == ["zero five", "seven", "one oh five", "three twenty-one"]
    assert read[4:] == ["seven hundred", "twenty-seven eighty-eight", "nine five zero five one"]
    assert [numbers.plural(w) for w in ("eighty", "half", "six", "third")] == [
        "eighties",
        "halves",
        "sixes",
        "thirds",
    ]
    assert numbers.short_year("05") == "zero five"


def test_every_cardinal_up_to_ten_thousand_is_different() -> None:
    assert len({numbers.cardinal(n) for n in range(10000)}) == 10000
