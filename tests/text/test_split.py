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
)


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
