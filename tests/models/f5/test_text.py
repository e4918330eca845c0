"""Ids, words and prompts of F5: goldens with the official vocabulary where it is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.errors import ConfigError, TextError
from vivavoce.models.f5.text import (
    F5TextConfig,
    encode,
    joined_ids,
    n_tokens,
    prompt_for,
    transcript_for,
)
from vivavoce.text.pinyin import HAN, aligned_pinyin
from vivavoce.text.vocabulary import Vocabulary, read_vocabulary

LETTERS = Vocabulary((" ", *"abcdefghijklmnopqrstuvwxyzTI.,-'"))
CONFIG = F5TextConfig(LETTERS.tokens)

GOLDENS = {
    "well-known e-mail": "1149 325 615 615 13 0 560 765 827 1149 765 0 325 13 0 704 62 507 615",
    "Müller straße": "44 1489 0 615 615 325 940 0 973 1082 940 62 1461 325",
    "mañana niño": "704 62 1479 0 62 765 62 0 765 507 1479 827",
    "Hello world": "39 325 615 615 827 0 1149 827 940 615 250",
    "I don't care; it's 2024!": "40 0 250 827 765 7 1082 0 143 62 940 325 12 0 507 1082 7 973 0 18"
    " 16 18 20 1",
    "“Quoted” text — dash… ok": "2 48 1147 827 1082 325 250 2 0 1082 325 1184 1082 0 1838 0 250 62"
    " 973 441 1844 0 827 560",
    "2024年12月25日": "18 16 18 20 0 797 0 17 18 0 1289 0 18 21 0 958",
    "你好，世界。": "0 793 0 458 2541 0 1030 0 533 1895",
    "今天是Monday，我们去KTV唱歌吧。": "0 534 0 1108 0 1030 0 44 827 765 250 62 1236 2541 0 1178 0"
    " 727 0 931 0 42 51 53 0 177 0 390 0 79 1895",
    "不要一个人走，第一名。": "0 140 0 1253 0 1260 0 393 0 953 0 1396 2541 0 284 0 1262 0 751 1895",
    "3.14和50%": "19 14 17 20 0 461 0 21 16 5",
    "绿色女人lüe": "0 701 0 991 0 825 0 953 615 1489 325",
    '他说:"你好"，然后走了': "0 1083 0 1055 26 2 0 793 0 458 2 2541 0 941 0 477 0 1396 0 634",
}


@pytest.fixture
def official(data_folder: Callable[[str], Path]) -> Vocabulary:
    return read_vocabulary(data_folder("f5_vocab") / "vocab.txt")


@pytest.mark.parametrize("text", GOLDENS)
def test_official_ids(official: Vocabulary, text: str) -> None:
    if HAN.search(text):
        pytest.importorskip("jieba")
    config = F5TextConfig(official.tokens, normalise=False)
    expected = [int(i) for i in GOLDENS[text].split()]
    tokens = encode(config, official, text)
    assert list(tokens.ids) == expected
    assert joined_ids(official, "", text) == expected
    assert tokens.text == text
    assert tokens.unknown == ()


@pytest.mark.parity
def test_recorded_ids(official: Vocabulary, parity_file: Callable[[str], Path]) -> None:
    pytest.importorskip("jieba")
    recorded = json.loads(parity_file("f5_text_frontend").read_text(encoding="utf-8"))
    assert recorded["vocab_size"] == len(official)
    for case in recorded["cases"]:
        assert official.ids(aligned_pinyin(case["text"])[0]) == case["ids"]


def test_english_is_written_out_and_words_keep_their_places() -> None:
    source = "It costs $3, well-made."
    tokens = encode(CONFIG, LETTERS, source)
    assert tokens.text == "It costs three dollars, well-made."
    assert tokens.words == ("It", "costs", "three", "dollars", "well-made")
    assert [source[start] for start in tokens.word_starts] == ["I", "c", "$", "$", "w"]
    said, _ = aligned_pinyin(tokens.text)
    for n, word in enumerate(tokens.words):
        own = [t for t, i in zip(said, tokens.word_index, strict=True) if i == n]
        assert "".join(own) == word
    assert len(tokens.ids) == len(tokens.word_index) == len(said)
    assert max(tokens.ids) < n_tokens(CONFIG)


def test_what_decides_the_normalisation() -> None:
    for tokens in (
        encode(CONFIG, LETTERS, "no 3", language="sv"),
        encode(CONFIG, LETTERS, "no 3", normalise=False),
        encode(F5TextConfig(LETTERS.tokens, normalise=False), LETTERS, "no 3"),
        encode(F5TextConfig(LETTERS.tokens, language="vi"), LETTERS, "no 3"),
    ):
        assert tokens.text == "no 3"
        assert tokens.unknown == ("3",)
        assert tokens.ids[-1] == 0
        assert tokens.word_index == (0, 0, -1, -1)


def test_unknown_are_the_characters_as_written() -> None:
    tokens = encode(CONFIG, LETTERS, "aжbж\n\ncй", language="ru")
    assert tokens.unknown == ("ж", "й")
    assert sum(tokens.text.count(c) for c in tokens.unknown) == 3
    assert tokens.words == ("aжbж", "cй")


def test_chinese_without_spaces_is_parted_at_its_marks() -> None:
    pytest.importorskip("jieba")
    vocabulary = Vocabulary((" ", "ni2", "hao3", "，", "shi4", "。"))
    tokens = encode(F5TextConfig(vocabulary.tokens), vocabulary, "你好，世界。", language="zh")
    assert tokens.words == ("你好", "世界")
    assert tokens.word_starts == (0, 3)
    assert tokens.ids == (0, 1, 0, 2, 3, 0, 4, 0, 0, 5)
    assert tokens.word_index == (-1, 0, -1, 0, -1, -1, 1, -1, -1, -1)
    assert tokens.unknown == ("界",)


@pytest.mark.parametrize("text", ["", " \n", "...", "🙂🙂", "***", "\0"])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(TextError):
        encode(CONFIG, LETTERS, text)


def test_nothing_that_the_model_knows() -> None:
    with pytest.raises(TextError, match="CYRILLIC SMALL LETTER DE"):
        encode(CONFIG, LETTERS, "да.", language="ru")


def test_other_kinds_of_vocabulary() -> None:
    config = F5TextConfig(LETTERS.tokens, kind="characters", normalise=False)
    assert encode(config, LETTERS, "a.bc").ids == tuple(LETTERS.ids("a.bc"))
    assert joined_ids(LETTERS, "a.", "bc", "characters") == LETTERS.ids("a.  bc")
    raw = F5TextConfig(kind="bytes", normalise=False)
    tokens = encode(raw, Vocabulary(()), "é b")
    assert tokens.ids == tuple("é b".encode())
    assert tokens.word_index == (0, 0, -1, 1)
    assert n_tokens(raw) == 256
    assert joined_ids(Vocabulary(()), "a", "é", "bytes") == list("a.  é".encode())
    for wrong in ({"vocabulary": ("a",), "kind": "bytes"}, {"kind": "pinyin"}):
        with pytest.raises(ConfigError, match="vocabulary"):
            F5TextConfig(**wrong)


@pytest.mark.parametrize(
    ("text", "one_space", "two_spaces"),
    [
        ("Mother nature.", "Mother nature. ", "Mother nature.  "),
        ("Mother nature. ", "Mother nature. ", "Mother nature.  "),
        ("Hello!", "Hello!. ", "Hello!.  "),
        ("Hello", "Hello. ", "Hello.  "),
        ("你好。", "你好。", "你好。"),
        ("你好！", "你好！. ", "你好！.  "),
        ("Hello.\n", "Hello. ", "Hello.  "),
    ],
)
def test_the_ending_of_a_transcript(text: str, one_space: str, two_spaces: str) -> None:
    assert transcript_for(text) == one_space
    assert prompt_for(text) == prompt_for(prompt_for(text)) == two_spaces
    assert transcript_for(two_spaces) == one_space


def test_reference_and_chunk_are_read_in_one() -> None:
    assert joined_ids(LETTERS, "so", "ab") == LETTERS.ids("so.  ab")
    pytest.importorskip("jieba")
    chinese = Vocabulary((" ", "ni3", "。", "a", "b"))
    assert joined_ids(chinese, "你。", "ab") == chinese.ids([" ", "ni3", "。", " ", "a", "b"])
