"""English words and sentences to ARPAbet phonemes: lexicon, inflections, spelling, sentences."""

from __future__ import annotations

import re

import pytest

from vivavoce.text.arpabet import SYMBOLS, _lexicon, encode, phonemes
from vivavoce.types import Spoken


def said(word: str) -> str:
    return " ".join("|" if phone == " " else phone for phone in phonemes(word))


def symbols(text: str) -> str:
    return " ".join("|" if SYMBOLS[i] == " " else SYMBOLS[i] for i in encode(text).ids)


def test_the_inventory_is_frozen() -> None:
    assert len(SYMBOLS) == len(set(SYMBOLS)) == 80
    assert SYMBOLS[:12] == ("_", "^", "$", " ", "?", "!", ".", ";", ":", ",", "-", "B")
    assert (SYMBOLS[34], SYMBOLS[35], SYMBOLS[42], SYMBOLS[79]) == ("ZH", "AA0", "AH1", "UW2")


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("colonel", "K ER1 N AH0 L"),
        ("women", "W IH1 M AH0 N"),
        ("through", "TH R UW1"),
        ("the", "DH AH0"),
        ("don't", "D OW1 N T"),
        ("o’clock", "AH0 K L AA1 K"),
        ("favourite", "F EY1 V ER0 IH0 T"),
    ],
)
def test_irregular_words_are_known(word: str, phones: str) -> None:
    assert said(word) == phones


@pytest.mark.parametrize(
    ("word", "base", "ending"),
    [
        ("colonel's", "colonel", "Z"),
        ("Bess's", "Bess", "IH0 Z"),
        ("cook's", "cook", "S"),
        ("colonels", "colonel", "Z"),
        ("colonels'", "colonel", "Z"),
        ("who'd", "who", "D"),
        ("colonel'll", "colonel", "AH0 L"),
        ("mightn't", "might", "AH0 N T"),
        ("BBCs", "BBC", "Z"),
    ],
)
def test_endings_are_added_to_what_is_known(word: str, base: str, ending: str) -> None:
    assert said(word) == f"{said(base)} {ending}"


def test_capitals_are_spelt_unless_they_are_a_word() -> None:
    assert said("FBI") == "EH2 F B IY2 AY1"
    assert said("XKCD") == "EH2 K S K EY2 S IY2 D IY1"
    assert said("US") == "Y UW2 EH1 S"
    assert said("us") == "AH0 S"
    assert said("THE") == said("the")
    assert said("NASA") == "N AE1 S AH0"
    assert said("STOP") == said("stop") == "S T AA1 P"


def test_british_spellings_are_read_as_the_american_ones() -> None:
    """The letter model learnt from an American dictionary."""
    for british, american in (
        *(("valour", "valor"), ("splendours", "splendors"), ("clamoured", "clamored")),
        *(("gaol", "jail"), ("anaemia", "anemia"), ("calibres", "calibers")),
    ):
        assert said(british) == said(american)
    assert said("detour").endswith("T UH1 R")
    assert said("paramour") != said("paramor")


def test_words_without_a_vowel_are_spelt() -> None:
    assert said("nrl") == "EH2 N AA2 R EH1 L"


def test_accents_digits_and_hyphens() -> None:
    assert said("café") == said("cafe\u0301") == said("cafe")
    assert said("wolf-dog") == f"{said('wolf')} | {said('dog')}"
    assert said("covid19") == f"{said('covid')} | W AH1 N | N AY1 N"
    assert phonemes("мир") == ()
    assert phonemes("'") == ()


def test_a_sentence_has_a_start_an_end_boundaries_and_marks() -> None:
    assert symbols("The cat, sat.") == "^ DH AH0 | K AE1 T , S AE1 T . $"
    assert symbols("“The cat” -- (sat)?!") == "^ DH AH0 | K AE1 T , S AE1 T ? $"
    assert symbols("") == "^ $"
    assert symbols("...") == "^ $"


def test_words_are_counted_and_placed() -> None:
    text = "'Wolf-dog' №5, café!"
    tokens = encode(text)
    assert tokens.words == ("Wolf-dog", "5", "café")
    assert [text[start] for start in tokens.word_starts] == ["W", "5", "c"]
    assert len(tokens.ids) == len(tokens.word_index)
    of_words = [i for i in tokens.word_index if i >= 0]
    assert of_words == sorted(of_words)
    assert set(of_words) == {0, 1, 2}
    for symbol, word in zip(tokens.ids, tokens.word_index, strict=True):
        assert (word < 0) == (symbol <= 10)


def test_starts_lead_back_to_the_source() -> None:
    spoken = Spoken("five cats", (0, 0, 0, 0, 1, 2, 3, 4, 5))
    assert encode(spoken).word_starts == (0, 2)


def test_what_cannot_be_spoken_is_reported_once() -> None:
    tokens = encode("a мир ~ мир 日 b")
    assert tokens.words == ("a", "b")
    assert tokens.unknown == ("м", "и", "р", "~", "日")
    assert encode("“Quoted” — ‘so’ (it’s) [fine]…").unknown == ()


def test_neighbours_decide_plain_cases() -> None:
    assert "DH IY0 | AE1 P AH0 L" in symbols("the apple")
    assert "T UW0 | Y UW1 Z $" in symbols("to use")
    assert "DH AH0 | Y UW1 S $" in symbols("the use")
    assert "Y UW1 S T | T UW0" in symbols("we used to go")
    assert "Y UW1 Z D | T UW0" in symbols("it is used to cut")
    assert "HH IY0 | R EH1 D" in symbols("he read")
    assert symbols("vitamin A.").endswith("| EY1 . $")
    assert symbols("A cat").startswith("^ AH0 |")


def test_the_lexicon_is_well_formed() -> None:
    known = set(SYMBOLS)
    for word, phones in _lexicon().items():
        assert re.fullmatch(r"[a-zA-Z0-9']+(\+(v|2|to|name))?", word)
        assert phones
        assert set(phones) <= known
