from __future__ import annotations

import pytest

from vivavoce.text.multilingual.kanji import chinese, japanese, spelled


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "零"), ("00", "零"), ("2", "二"), ("10", "十"), ("12", "十二"), ("22", "二十二"),
        ("110", "一百一十"), ("200", "两百"), ("222", "两百二十二"), ("1005", "一千零五"),
        ("1050", "一千零五十"), ("10200", "一万零二百"), ("22000", "两万两千"),
        ("220000", "二十二万"), ("100000000", "一亿"), ("0.5", "零点五"), ("2.05", "二点零五"),
    ],
)  # fmt: skip
def test_chinese(number: str, words: str) -> None:
    assert chinese(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0", "零"), ("10", "十"), ("110", "百十"), ("1000", "千"), ("2023", "二千二十三"),
        ("10000", "一万"), ("10000000", "一千万"), ("100000000", "一億"), ("12.5", "十二点五"),
        ("090", "零九零"),
    ],
)  # fmt: skip
def test_japanese(number: str, words: str) -> None:
    assert japanese(number) == words


def test_long_numbers_are_spelled() -> None:
    assert chinese("2" * 19) == japanese("2" * 19) == spelled("2" * 19) == "二" * 19
