"""The word lists do not contradict each other."""

from __future__ import annotations

from vivavoce.text.normalise import tables


def test_an_acronym_is_spelled_or_a_word() -> None:
    assert frozenset() == tables.SPELLED & tables.WORDS
    assert all(word.isupper() for word in tables.SPELLED | tables.WORDS)


def test_there_are_fifty_states_and_the_capital() -> None:
    assert len(tables.STATES) == 51
    assert all(len(code) == 2 and code.isupper() for code in tables.STATES)


def test_abbreviations_carry_no_dot_of_their_own() -> None:
    assert not [word for word in (*tables.DOTTED, *tables.NUMBERED) if "." in word]
