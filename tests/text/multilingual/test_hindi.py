from __future__ import annotations

import pytest

from vivavoce.text.multilingual.hindi import SMALL, cardinal, decimal, ordinal


def test_a_hundred_names_each_its_own() -> None:
    assert len(SMALL) == len(set(SMALL)) == 100
    assert (SMALL[25], SMALL[50], SMALL[99]) == ("पच्चीस", "पचास", "निन्यानवे")


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "शून्य"),
        (100, "एक सौ"),
        (1947, "एक हज़ार नौ सौ सैंतालीस"),
        (12_345_678, "एक करोड़ तेईस लाख पैंतालीस हज़ार छह सौ अठहत्तर"),
        (10**12, "एक लाख करोड़"),
    ],
)
def test_lakhs_and_crores(n: int, words: str) -> None:
    assert cardinal(n) == words


def test_ordinals_and_decimals() -> None:
    assert [ordinal(n) for n in (1, 2, 5, 6)] == ["पहला", "दूसरा", "पाँचवाँ", "छठा"]
    assert decimal("12", "50") == "बारह दशमलव पाँच शून्य"
