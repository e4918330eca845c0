from __future__ import annotations

import sys

import pytest

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual import numbers
from vivavoce.text.multilingual.numbers import cardinal, decimal, ordinal
from vivavoce.text.multilingual.tables import LANGUAGES

SPOKEN = [language for language in LANGUAGES if language not in {"zh-cn", "ja"}]


def test_english_and_hindi_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "num2words", None)
    numbers._library.cache_clear()
    assert cardinal("21", "en") == "twenty-one"
    assert ordinal("2", "hi") == "दूसरा"
    with pytest.raises(MissingExtra, match=r"German.*vivavoce\[languages\]"):
        cardinal("21", "de")
    numbers._library.cache_clear()


def test_codes_and_long_numbers_are_spelled() -> None:
    assert cardinal("007", "en") == "zero zero seven"
    assert cardinal("05", "en") == "five"
    assert cardinal("1" * 19, "en") == " ".join(["one"] * 19)
    assert decimal("1" * 19, "5", "en").endswith("one five")


@pytest.mark.parametrize("language", SPOKEN)
def test_no_number_is_refused(language: str) -> None:
    """The library refuses ordinals (Czech, Hindi, some Korean) and numbers past its names."""
    pytest.importorskip("num2words")
    for digits in ("0", "1", "100", "1000000", "9" * 15, "9" * 5000):
        for words in (cardinal(digits, language), ordinal(digits, language)):
            assert words.strip()
            assert not any(c.isdigit() for c in words)
    assert decimal("0", "0000000001", language).strip()
    assert decimal("9" * 400, "5", language).strip()


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", "zwölf Komma fünf"), ("tr", "oniki virgül beş"), ("ar", "اثنا عشر فاصلة خمسة")],
)
def test_decimals(language: str, words: str) -> None:
    pytest.importorskip("num2words")
    assert decimal("12", "5", language) == words


def test_leading_zeros_of_a_fraction_are_said() -> None:
    pytest.importorskip("num2words")
    assert decimal("1", "05", "tr") == "bir virgül sıfır beş"
