"""Lists written as text."""

from __future__ import annotations

from vivavoce.text.wordlists import STARTERS, words


def test_words_are_split_at_any_space() -> None:
    assert words(" a\n  b a ") == {"a", "b"}
    assert {"The", "He"} <= STARTERS
    assert "I" in STARTERS
    assert all(word[0].isupper() for word in STARTERS)
