from __future__ import annotations

import sys

import pytest

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual import romanise
from vivavoce.text.multilingual.romanise import cleaned_japanese, romanised_korean


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("물엿", "mul-yeos"),  # a vowel begins a syllable
        ("한국어", "hangug-eo"),
        ("앉아", "anj-a"),
        ("엌케", "eok-ke"),  # "kk" could be one letter
        ("값이 좋다", "gabs-i johda"),
        ("가a나", "gaana"),
        ("국가", "gugga"),
        ("아이", "a-i"),
    ],
)
def test_korean(text: str, letters: str) -> None:
    assert romanised_korean(text) == letters


def test_japanese() -> None:
    pytest.importorskip("cutlet")
    pytest.importorskip("unidic_lite")
    assert cleaned_japanese("今日は良い天気ですね。") == "kyou wa yoi tenki desu ne."
    assert cleaned_japanese("2023年5月1日") == "nisen nijuu san nen go gatsu tsuitachi"
    assert cleaned_japanese("１００％、￥1,234") == cleaned_japanese("百パーセント、千二百三十四円")


def test_japanese_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cutlet", None)
    romanise._japanese.cache_clear()
    with pytest.raises(MissingExtra, match=r"vivavoce\[ja\]"):
        cleaned_japanese("今日")
    romanise._japanese.cache_clear()
