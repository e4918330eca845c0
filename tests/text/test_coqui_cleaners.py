"""What Coqui's cleaners make of a text, and where ours differ on purpose."""

from __future__ import annotations

import pytest

from vivavoce.errors import ConfigError
from vivavoce.text.coqui_cleaners import CLEANERS, clean, number_words

# Outputs of coqui-tts 0.28.
ENGLISH = [
    ("Dr. Who & Mrs. Fox; see-saw", "doctor who and misess fox, see saw"),
    ('a: <b> (x) [y] "z"', "a, b x y z"),
    ("At 3:05 pm", "at three oh five p m"),
    ("12:00. 23:59", "twelve p m. eleven fifty nine p m"),
    ("$3.50 £1 ¥100.5 $1,234.01 $.50 $0", "three dollars fifty cents one pound sterling one "
     "hundred yen five sen twelve thirty four dollars one cent fifty cents zero dollars"),
    ("1st 2nd 121st 1000th 4rd", "first second one hundred and twenty first one thousandth fourth"),
    ("3.14 -5 0 1000", "three point fourteen minus five zero one thousand"),
    ("1001 1100 1905 1963 2000 2005 2010", "ten oh one eleven hundred nineteen oh five nineteen "
     "sixty three two thousand two thousand five twenty ten"),
    ("12345 1000001", "twelve thousand, three hundred forty five one million one"),
    ("$1.2.3", "one point two.three dollars"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ENGLISH)
def test_english(text: str, expected: str) -> None:
    assert clean(text, "english_cleaners", "en-us") == expected


def test_without_a_language_abbreviations_stay() -> None:
    assert clean("Dr. A & B", "english_cleaners") == "dr. a & b"


def test_intended_differences() -> None:
    assert clean("€5", "english_cleaners", "en") == "five euros"
    assert clean("At 10:30 a.m. and 9:15 we", "english_cleaners", "en") == (
        "at ten thirty a m and nine fifteen a m we"
    )
    assert clean("Am 3. Mai", "phoneme_cleaners", "de") == "Am 3. Mai"


@pytest.mark.parametrize(
    ("cleaner", "language", "expected"),
    [
        ("basic_cleaners", None, "i & b, 5-x; (c)"),
        ("basic_turkish_cleaners", "tr", "ı & b, 5-x; (c)"),
        ("multilingual_cleaners", "fr", "i et b, 5 x, c"),
        ("multilingual_phoneme_cleaners", "pt", "I e b, 5 x, c"),
        ("portuguese_cleaners", "pt", "i e b, 5 x, c"),
        ("phoneme_cleaners", "en", "I and b, five x, c"),
        ("no_cleaners", "en", "I  & b, 5-x; (c)"),
        (None, "en", "I  & b,\n 5-x; (c)"),
    ],
)
def test_cleaners(cleaner: str | None, language: str | None, expected: str) -> None:
    assert clean("I  & b,\n 5-x; (c)", cleaner, language) == expected


def test_french_abbreviations() -> None:
    text = "Mlles. Dupont et M. Durand, Mme X, etc."
    assert clean(text, "french_cleaners", "fr") == (
        "mesdemoiselles dupont et monsieur durand, madame x, et cetera"
    )


def test_catalan_and_greek_marks() -> None:
    assert clean("si l'avi cau, diguem-ho", "multilingual_cleaners", "ca") == (
        "si lavi cau, diguemho"
    )
    assert clean("τι; ναι", "multilingual_cleaners", "el") == "τι; ναι"


def test_an_unknown_cleaner_is_named() -> None:
    with pytest.raises(ConfigError, match="english_cleaner'") as caught:
        clean("a", "english_cleaner")
    assert "english_cleaners" in caught.value.advice
    assert "chinese_mandarin_cleaners" not in CLEANERS


def test_numbers_of_any_length() -> None:
    assert number_words(1234) == "one thousand, two hundred and thirty-four"
    assert number_words(10**36).startswith("one zero")
    assert clean("9" * 6000, "english_cleaners", "en").count("nine") == 6000
    assert clean("$" + "9" * 6000 + "th", "english_cleaners", "en").count("nine") == 6000
