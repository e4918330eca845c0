from __future__ import annotations

import pytest

from vivavoce.text.multilingual.money import parse, pattern, spoken_amount


def said(text: str, language: str) -> str:
    return pattern(language).sub(lambda match: spoken_amount(match, language), text)


@pytest.mark.parametrize(
    ("amount", "parts"),
    [
        ("20", ("20", 0)),
        ("3,5", ("3", 50)),
        ("3.999", ("4", 0)),
        (".50", ("0", 50)),
        ("1,234.50", ("1234", 50)),
        ("1.234.567", ("1234567", 0)),
    ],
)
def test_amounts_are_parsed(amount: str, parts: tuple[str, int]) -> None:
    assert parse(amount) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$3.50", "three dollars, fifty cents"),
        ("$1", "one dollar"),
        ("20 €", "twenty euro"),
        ("€ 20", "twenty euro"),
        ("£2.01", "two pounds sterling, one penny"),
        ("5 $20", "5 twenty dollars"),
        ("20$ 30$", "twenty dollars thirty dollars"),
        ("$", "$"),
    ],
)
def test_english(text: str, words: str) -> None:
    assert said(text, "en") == words


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("fr", "20€", "vingt euros"),
        ("fr", "20,15€", "vingt euros et quinze centimes"),
        ("pt", "$23", "vinte e três dólares"),
        ("pl", "£1 £22 £25", "jeden funt dwadzieścia dwa funty dwadzieścia pięć funtów"),
        ("cs", "$22", "dvacet dva dolarů"),
        ("ru", "₽21", "двадцать один рубль"),
        ("ar", "$20", "عشرون دولار"),
        ("tr", "12,50₺", "oniki lira, elli kuruş"),
        ("hu", "$20", "húsz dollár"),
        ("ko", "$3.50", "삼달러 오십센트"),
        ("hi", "₹50", "पचास रुपये"),
    ],
)
def test_words_of_our_own_and_of_the_library(language: str, text: str, words: str) -> None:
    pytest.importorskip("num2words")
    assert said(text, language) == words


def test_an_amount_that_cannot_be_read_hides_no_other() -> None:
    pytest.importorskip("num2words")
    assert said(f"€{'9' * 20} $20", "de").endswith("neun € zwanzig Dollar")


def test_a_long_row_of_separators_takes_no_time() -> None:
    assert said("1." * 20_000 + "x", "en").endswith("x")
