from __future__ import annotations

import random

import pytest

from vivavoce.text.multilingual.english import cardinal, decimal, ordinal


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "zero"),
        (105, "one hundred and five"),
        (1001, "one thousand and one"),
        (1234, "one thousand, two hundred and thirty-four"),
        (1_000_100, "one million, one hundred"),
        (120_000_012, "one hundred and twenty million and twelve"),
    ],
)
def test_commas_between_groups(n: int, words: str) -> None:
    assert cardinal(n) == words


def test_ordinals_and_decimals() -> None:
    assert ordinal(1022) == "one thousand and twenty-second"
    assert decimal("12", "05") == "twelve point zero five"
    assert decimal("3", "00") == "three"


def test_the_words_are_those_of_num2words() -> None:
    num2words = pytest.importorskip("num2words").num2words
    chance = random.Random(1)
    for n in [*range(1200), *(chance.randrange(10 ** chance.randint(4, 17)) for _ in range(300))]:
        assert cardinal(n) == num2words(n)
        assert ordinal(n) == num2words(n, ordinal=True)
        assert decimal(str(n % 1000), str(n % 97)) == num2words(float(f"{n % 1000}.{n % 97}"))
