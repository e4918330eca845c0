from __future__ import annotations

import pytest

from vivavoce.text.multilingual.tables import (
    ABBREVIATIONS,
    LANGUAGES,
    LIMITS,
    NAMES,
    ORDINALS,
    SYMBOLS,
)


def test_every_language_is_in_every_table_it_needs() -> None:
    assert len(LANGUAGES) == 17
    assert set(NAMES) == set(LIMITS) == set(SYMBOLS) == set(LANGUAGES)
    assert set(ORDINALS) == set(LANGUAGES) - {"zh-cn", "ja"}
    assert set(ABBREVIATIONS) <= set(LANGUAGES)
    assert ABBREVIATIONS["nl"]["dhr"] == "de heer"


@pytest.mark.parametrize(
    ("language", "text", "digits"),
    [
        ("en", "the 21st", ["21"]),
        ("en", "5thousand", []),
        ("es", "20años, 3os, 1er", ["3", "1"]),
        ("fr", "2ème 1er 3e 10euros", ["2", "1", "3"]),
        ("de", "1. Mai, 3.5", ["1"]),
        ("cs", "1. května, 3.5", ["1"]),
        ("tr", "5incisi 1. gün 12.30", ["5", "1"]),
        ("hu", "5ödikén", ["5"]),
        ("ko", "3번째로", ["3"]),
        ("ru", "5-й 5-ей", ["5"]),
        ("ar", "5ث 5رجال", ["5"]),
    ],
)
def test_ordinals_are_told_from_words(language: str, text: str, digits: list[str]) -> None:
    assert [match[1] for match in ORDINALS[language].finditer(text)] == digits
