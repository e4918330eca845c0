"""Pinyin tokens: the recorded ones, the rule without jieba, and jieba itself where installed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.errors import MissingExtra
from vivavoce.text import pinyin
from vivavoce.text.pinyin import HAN, aligned_pinyin

SAID = "".join


@pytest.fixture
def _chinese() -> None:
    pytest.importorskip("jieba")
    pytest.importorskip("pypinyin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello,world", "hello, world"),
        ("(hello", "( hello"),
        ("$100", "$ 100"),
        ("1,000,000", "1, 000, 000"),
        ("wait...what", "wait ... what"),
        ("rock&roll", "rock& roll"),
        ("sure—really", "sure— really"),
        ("naïve mañana Müller garçon tiếng", "naï ve mañ ana Mü ller garç on tiế ng"),
        ("well-known e-mail", "well- known e- mail"),
        ("end.Next http://a.com/b F5-TTS", "end. Next http://a. com/b F5- TTS"),
        ("2024-05-18, 3.14, 50%", "2024- 05- 18, 3.14, 50%"),
        ("AT&T uses C++ and c#xy", "AT&T uses C++ and c# xy"),
        ("“Quoted” ‘text’; ok", "\"Quoted\" 'text', ok"),
        ("a\r\nb", "a \r\nb"),
        ("ㄅ", " ㄅ"),
        ("", ""),
    ],
)
def test_text_without_han_needs_no_segmenter(text: str, expected: str) -> None:
    assert SAID(aligned_pinyin(text)[0]) == expected


@pytest.mark.parity
def test_recorded_tokens(parity_file: Callable[[str], Path]) -> None:
    cases = json.loads(parity_file("f5_text_frontend").read_text(encoding="utf-8"))["cases"]
    checked = 0
    for case in cases:
        if HAN.search(case["text"]):
            pytest.importorskip("jieba")
        assert aligned_pinyin(case["text"])[0] == case["tokens"]
        checked += 1
    assert checked > 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("行长走行", "hang2 zhang3 zou3 xing2"),
        ("重庆重要", "chong2 qing4 zhong4 yao4"),
        ("地得的", "di4 de2 de"),
        ("2024年12月25日", "2024 nian2 12 yue4 25 ri4"),
        ("不要一个人走，第一名。", "bu2 yao4 yi2 ge4 ren2 zou3， di4 yi4 ming2。"),
        ("绿色女人lüe", "lv4 se4 nv3 ren2lüe"),
        ("3.14和50%", "3.14 he2 50%"),
        ("〇", "ling2"),
    ],
)
@pytest.mark.usefixtures("_chinese")
def test_han_characters_become_toned_syllables(text: str, expected: str) -> None:
    assert SAID(aligned_pinyin(text)[0]).strip() == expected


def test_every_character_has_one_token_in_its_place() -> None:
    text = "well-known: “naïve” (hello)\r\n—2.5% ok"
    tokens, places = aligned_pinyin(text)
    assert [p for p in places if p >= 0] == list(range(len(text)))
    assert all(token == " " for token, place in zip(tokens, places, strict=True) if place < 0)


def test_han_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jieba", "pypinyin"):
        monkeypatch.setitem(sys.modules, name, None)
    pinyin._cut_words.cache_clear()
    pinyin._read_word.cache_clear()
    for text in ("你好", "说 yes", "字", "〇"):
        with pytest.raises(MissingExtra, match=r"vivavoce\[zh\]"):
            aligned_pinyin(text)
    assert aligned_pinyin("ok")[0] == ["o", "k"]


@pytest.mark.usefixtures("_chinese")
def test_the_segmenter_is_quiet_and_leaves_no_file(tmp_path: Path) -> None:
    script = "from vivavoce.text.pinyin import aligned_pinyin as t; assert 'ni3' in t('你们好')[0]"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_chinese")
def test_the_same_as_jieba_and_pypinyin() -> None:
    from pypinyin import Style, lazy_pinyin

    def read(word: str) -> list[str]:
        return lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True)

    def reference(text: str) -> list[str]:
        out: list[str] = []
        for segment in pinyin._cut_words()(text.translate(pinyin.SAME)):
            width = len(segment.encode())
            if width == len(segment) > 1 and out and out[-1] not in " :'\"":
                out.append(" ")
            readings = read(segment) if width == 3 * len(segment) else []
            for i, c in enumerate(segment):
                han = "\u3100" <= c <= "\u9fff"
                out += [" "] * han + [readings[i] if readings else read(c)[0] if han else c]
        return out

    draw = random.Random(2)
    plain = [
        *"abcXYZ019+#&._%- \t\r\n,;:!?'\"()$“”‘’—…éñüøйщяสั한あカ。，！？ㄅ𠀀",
        "AT&T",
        "c#",
        "C++",
    ]
    chinese = [*"〇㐀豈一不个人走第行长重庆要地得的你好", "银行", "不好意思", "T恤", "年月日"]
    for i in range(int(os.environ.get("VIVAVOCE_FUZZ", "3000"))):
        pieces = plain + chinese * (i % 2)
        text = SAID(draw.choices(pieces, k=draw.randrange(1, 20)))
        assert aligned_pinyin(text)[0] == reference(text), text
