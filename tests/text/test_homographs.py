"""Homographs: two hundred sentences of our own, and what the classifier sees of a sentence."""

from pathlib import Path

import pytest

from vivavoce.text import arpabet, homographs

SENTENCES = Path(__file__).parents[1] / "data" / "homographs.txt"


def rows():
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    return [line.split("|") for line in lines if not line.startswith("#")]


def spoken(sentence, word):
    """The phones of a word in a sentence."""
    found = arpabet.encode(sentence)
    number = [w.lower() for w in found.words].index(word)
    pairs = zip(found.ids, found.word_index, strict=True)
    return tuple(arpabet.SYMBOLS[i] for i, owner in pairs if owner == number)


def wanted(word, reading):
    lexicon = arpabet._lexicon()
    if reading == "1":
        return arpabet.phonemes(word)
    return lexicon.get(f"{word}+v") or lexicon[f"{word}+2"]


def test_most_of_our_own_sentences_are_read_right():
    found = rows()
    wrong = [row for row in found if spoken(row[2], row[0]) != wanted(*row[:2])]
    assert len(found) >= 200
    assert len(wrong) / len(found) <= 0.10, wrong


@pytest.mark.parametrize(
    ("sentence", "word", "reading"),
    [
        ("I read the book yesterday, and I will read it again tomorrow.", "read", "2"),
        ("They live near the hall.", "live", "1"),
        ("I could not wind the clock.", "wind", "2"),
        ("The wind was so strong.", "wind", "1"),
    ],
)
def test_the_plainest_cases(sentence, word, reading):
    assert spoken(sentence, word) == wanted(word, reading)


def test_nothing_is_seen_beyond_a_mark():
    words, gaps = ["close", "the", "door"], ["", "", ",", ""]
    known = frozenset(words)
    assert homographs.neighbours(words, gaps, 0, known) == [
        (-2, "|"),
        (-1, "|"),
        (1, "the"),
        (2, "|"),
    ]


def test_a_rare_neighbour_counts_by_its_ending():
    words, gaps = ["quickly", "close", "shutters"], ["", "", "", ""]
    found = homographs.neighbours(words, gaps, 1, frozenset())
    assert found == [(-2, "|"), (-1, "~ly"), (1, "~s"), (2, "|")]


def test_other_words_are_none():
    assert homographs.is_homograph("close")
    assert not homographs.is_homograph("house" * 2)
