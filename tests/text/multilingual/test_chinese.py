from __future__ import annotations

import sys
import unicodedata

import pytest

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual import chinese
from vivavoce.text.multilingual.chinese import MARKS, NUMBERS, cleaned_chinese


def written(text: str) -> str:
    for rule, replacement in NUMBERS:
        text = rule.sub(replacement, text)
    return text


def marked(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    for rule, replacement in MARKS:
        text = rule.sub(replacement, text)
    return text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2023年5月12日", "二零二三年五月十二日"),
        ("90年", "九零年"),
        ("5月3号", "五月三号"),
        ("2023-05-12", "二零二三年五月十二日"),
        ("10:05和10:00", "十点零五分和十点"),
        ("3块5毛", "三块五毛"),
        ("1.5万", "一点五万"),
        ("1,000元", "一千元"),
        ("$20和20€", "二十美元和二十欧元"),
        ("¥1234", "一千两百三十四元"),
        ("13812345678", "一三八一二三四五六七八"),
        ("010-12345678", "零一零一二三四五六七八"),
        ("3/4", "四分之三"),
        ("12.5%", "百分之十二点五"),
        ("200个", "两百个"),
        ("2000只", "两千只"),
        ("房间1234", "房间一二三四"),
        ("3.14和3个", "三点一四和三个"),
        ("b2b", "b2b"),
        ("9" * 5000, "九" * 5000),
    ],
)
def test_numbers(text: str, words: str) -> None:
    assert written(text) == words


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("你好。好吗？好！", "你好.好吗?好!"),
        ("他说：“你好，世界。”", "他说,你好,世界."),
        ("《红楼梦》（一）、二；三……", "红楼梦,一,二,三."),
        ("列奥纳多·达芬奇", "列奥纳多达芬奇"),
        ("it's ok wi-fi a.b 'x'", "it's ok wi fi a.b x"),
        ("，，。！", "!"),
        ("什么……？", "什么?"),
        ("example.com", "example点com"),
    ],
)
def test_marks(text: str, marks: str) -> None:
    """A sentence keeps its end; what only pauses is one comma; what only encloses is gone."""
    assert marked(text) == marks


def test_toned_syllables_without_spaces() -> None:
    pytest.importorskip("pypinyin")
    assert cleaned_chinese("你好，世界！Hello") == "ni3hao3,shi4jie4!hello"
    assert cleaned_chinese("好吗？") == "hao3ma5?"
    assert cleaned_chinese("ＡＢＣ　１２％") == "abc bai3fen1zhi1shi2er4"


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    chinese._pinyin.cache_clear()
    assert cleaned_chinese("Hello!") == "hello!"
    with pytest.raises(MissingExtra, match=r"vivavoce\[zh\]"):
        cleaned_chinese("你好")
    chinese._pinyin.cache_clear()
