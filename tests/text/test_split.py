"""Sentences and chunks: where they end, that they point into the source, that nothing is lost."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from vivavoce.errors import UsageError
from vivavoce.text.split import (
    CLAUSE_PAUSE_S,
    PARAGRAPH_PAUSE_S,
    SENTENCE_PAUSE_S,
    chunks,
    sentences,
    word_spans,
)


def utf8(text: str) -> int:
    return len(text.encode())


@pytest.mark.parametrize(
    "parts",
    [
        ["One.", "Two!", "Three?", "Four"],
        ["Dr. Smith went to Washington.", "He paid $3.50.", "Good."],
        ['"Really?" she asked.', '"Yes."', "Then he left."],
        ["J. R. R. Tolkien, of the U.S. Army, left at 5 p.m.", "The end."],
        ["Apples, pears, etc. are fruit.", "So it is."],
        ["The end...", "Or not?", "Wait… what."],
        ["See fig. 3 and No. 5.", "No.", "It is not."],
        ["Talks began on Nov. 15 in Rm. 204.", "He came in Nov.", "He left on Fri. 13 March."],
        ["In Roe v. Wade it was.", "End of Act V.", "Then it rained."],
        ["Acme Inc. vs. Plan B.", "The end."],
        ["Am 1. Mai kam er.", "Es war 1990.", "Dann nicht."],
        ["¿Qué?", "¡Sí!", "Vale."],
        ["He said (it was late.)", "She left."],
        ["Yahoo! is a name.", "Pi is 3.14."],
        ["U.S.A.", "The country."],
    ],
)
def test_sentences(parts: list[str]) -> None:
    assert [s.text for s in sentences(" ".join(parts))] == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["今日は良い天気です。", "明日は？", "「はい。」", "と言った。"],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
        ["هل هذا جيد؟", "نعم."],
    ],
)
def test_sentences_of_other_scripts(parts: list[str]) -> None:
    joined = "".join(parts) if parts[0][0] == "今" else " ".join(parts)
    assert [s.text for s in sentences(joined)] == parts


def test_paragraphs_and_lists_pause_longer() -> None:
    found = sentences("Title\n\nOne. Two\nthree.\n\n1. First\n2. Second")
    assert [s.text for s in found] == ["Title", "One.", "Two\nthree.", "1. First", "2. Second"]
    assert [s.pause_s for s in found] == [
        PARAGRAPH_PAUSE_S,
        SENTENCE_PAUSE_S,
        PARAGRAPH_PAUSE_S,
        PARAGRAPH_PAUSE_S,
        SENTENCE_PAUSE_S,
    ]


def test_short_sentences_share_a_chunk_but_not_across_paragraphs() -> None:
    found = [c.text for c in chunks("One. Two. Three.\n\nFour. Five.", 12)]
    assert found == ["One. Two.", "Three.", "Four. Five."]


def test_a_long_sentence_is_cut_at_clauses_then_spaces_then_anywhere() -> None:
    clause = list(chunks("First this clause here, then that other clause there.", 30))
    assert [c.text for c in clause] == ["First this clause here,", "then that other clause there."]
    assert [c.pause_s for c in clause] == [CLAUSE_PAUSE_S, SENTENCE_PAUSE_S]
    assert [c.text for c in chunks("alpha beta gamma delta", 12)] == ["alpha beta", "gamma delta"]
    assert "".join(c.text for c in chunks("x" * 25, 10)) == "x" * 25


def test_a_script_without_spaces_is_cut_too() -> None:
    thai = "ภาษาไทยไม่มีช่องว่างระหว่างคำ" * 5
    found = list(chunks(thai, 40))
    assert len(found) > 3
    assert max(len(c.text) for c in found) <= 40
    assert "".join(c.text for c in found) == thai


def test_no_character_is_torn_apart() -> None:
    accented = "e\u0301" * 30
    assert not [c.text for c in chunks(accented, 7) if c.text.startswith("\u0301")]


@pytest.mark.parametrize("max_chars", [1, 7, 30, 200])
def test_nothing_is_lost_and_offsets_are_exact(max_chars: int) -> None:
    draw = random.Random(max_chars)
    alphabet = "aaabcdE FGh.i,!?;…\n\n 。、)(\"'é\u0301 1.5中\t"
    for _ in range(60):
        source = "".join(draw.choices(alphabet, k=draw.randrange(200)))
        end = 0
        for chunk in chunks(source, max_chars):
            assert chunk.text == source[chunk.start : chunk.end]
            assert source[end : chunk.start].strip() == ""
            assert 0 < len(chunk.text) <= max_chars
            end = chunk.end
        assert source[end:].strip() == ""


def test_chunks_come_lazily_from_a_long_text() -> None:
    book = "This is a sentence of a very long book, is it not? " * 20000
    assert [c.start for c in islice(chunks(book, 60), 3)] == [0, 51, 102]


@pytest.mark.parametrize("piece", [".", "!)", " ", "\n", " \n", "a.", "...x", "、"])
def test_long_repetitions_end(piece: str) -> None:
    source = piece * 30000
    assert "".join("".join(c.text for c in chunks(source, 100)).split()) == "".join(source.split())


def test_a_chunk_holds_at_least_one_character() -> None:
    with pytest.raises(UsageError, match="0 characters"):
        chunks("a", 0)
    assert list(chunks("", 5)) == []


@pytest.mark.parametrize(
    ("limit", "parts"),
    [
        (20, ["Hello there.", " How are you?", " I am fine, thanks;", " and you: well!"]),
        (30, ["你好，世界。", "今天天气很好！", "我们去公园吧？好的。"]),
        (20, ["One. Two three four!", " Five?"]),
        (20, []),
    ],
)
def test_chunks_bounded_in_bytes(limit: int, parts: list[str]) -> None:
    found = [c.text for c in chunks("".join(parts), limit, utf8)]
    assert found == [part.strip() for part in parts]


def test_the_first_chunk_can_be_smaller() -> None:
    source = "Yes. No. The rain, which had begun at noon, went on. It was late."
    assert [c.text for c in chunks(source, 60, first=12)] == ["Yes. No.", source[9:]]
    clause = [c.text for c in chunks(source[9:], 60, first=12)]
    assert clause == ["The rain,", "which had begun at noon, went on. It was late."]
    assert [c.text for c in chunks(source[9:], 20, first=90)] == [
        c.text for c in chunks(source[9:], 20)
    ]
    long = [c.text for c in chunks("alpha beta gamma delta", 12, first=6)]
    assert long == ["alpha", "beta gamma", "delta"]
    with pytest.raises(UsageError, match="0 characters"):
        chunks("a", 5, first=0)


@pytest.mark.parametrize(("limit", "first"), [(4, None), (9, 5), (30, 8), (200, 30)])
def test_bytes_are_never_exceeded_and_nothing_is_lost(limit: int, first: int | None) -> None:
    draw = random.Random(limit)
    alphabet = "aaabcdE FGh.i,!?;…\n\n 。、)(\"'é\u0301 1.5中文字，\t"
    for _ in range(60):
        source = "".join(draw.choices(alphabet, k=draw.randrange(200)))
        end, room = 0, first or limit
        for chunk in chunks(source, limit, utf8, first):
            assert chunk.text == source[chunk.start : chunk.end]
            assert source[end : chunk.start].strip() == ""
            assert 0 < utf8(chunk.text) <= room
            end, room = chunk.end, limit
        assert source[end:].strip() == ""


def test_a_character_larger_than_the_limit_stands_alone() -> None:
    assert [c.text for c in chunks("中文 a", 2, utf8)] == ["中", "文", "a"]


@pytest.mark.parametrize(
    "source", ["A. " * 30000, "今天天气很好" * 20000, "x" * 100000, "ab " * 40000]
)
@pytest.mark.parametrize("limit", [100, 10**6])
def test_long_texts_end_in_bytes_too(source: str, limit: int) -> None:
    found = "".join(c.text for c in chunks(source, limit, utf8))
    assert "".join(found.split()) == "".join(source.split())


def test_words_stand_without_the_marks_around_them() -> None:
    def spelled(text: str) -> list[str]:
        return [text[start:end] for start, end in word_spans(text)]

    assert spelled('"Don\'t," he said - (well-known).') == ["Don't", "he", "said", "well-known"]
    assert spelled("你好，世界。Yes") == ["你好", "世界", "Yes"]
    assert spelled(" ... ") == []
