from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.errors import MissingExtra, TextError
from vivavoce.text.multilingual import LANGUAGES, spoken


@pytest.mark.parity
def test_recorded_texts(parity_file: Callable[[str], Path]) -> None:
    pytest.importorskip("num2words")
    recorded = json.loads(parity_file("coqui_text_frontend").read_text(encoding="utf-8"))
    cases = recorded["xtts_preprocess"]
    assert len({case["lang"] for case in cases}) > 12
    for case in cases:
        assert spoken(case["text"], case["lang"]) == case["preprocessed"]


def test_chinese_has_two_names_and_other_languages_none() -> None:
    assert spoken("OK!", "zh") == spoken("OK!", "zh-cn") == "ok!"
    with pytest.raises(TextError, match="'xx'"):
        spoken("OK", "xx")


def test_korean_is_cleaned_then_romanised() -> None:
    assert spoken("한국 & Seoul", "ko") == "hangug geuligo seoul"


POOLS = (
    "0123456789.,  $£€₽%-/:",
    "abc ABC äöüß ñ İıŞ",
    "0123456789stndrd.ºª° er",
    "年月日号点万亿元块个的一二三0123456789/%.-:，。！？“”",
    "あアー漢字０１２３円、。「」",
    "가각힣번째 0123456789$",
    "अआ०१२३ क़ ्ि।1234567890,",
    "٠١٢٣٤٥٫٬ ابت0123456789",
    "\ud800\ue000\u0301\u200d\u202f\u00a0\n\t😀①½²ﷺ",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_fails(language: str) -> None:
    chance = random.Random(language)
    texts = ["", " ", "7", "9" * 5000, "1.", "1.2.3.4", "$" * 50, "1,1" * 500]
    for _ in range(40):
        letters = "".join(chance.sample(POOLS, 3))
        texts.append("".join(chance.choices(letters, k=chance.randrange(50))))
    for text in texts:
        try:
            said = spoken(text, language)
        except MissingExtra:
            continue  # which of them are installed is not this test's concern
        assert said == said.strip()
        assert "\n" not in said
        said.encode("utf-8")
        if language != "ja":
            assert not any(c in "0123456789" for c in said) or language == "zh-cn", (text, said)
