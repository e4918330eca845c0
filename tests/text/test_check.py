"""Text without anything to say is refused with advice."""

from __future__ import annotations

import pytest

from vivavoce.errors import TextError
from vivavoce.text.check import describe, speakable


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        (" \n\t ", "whitespace"),
        ("\u0000\u0007", "control"),
        ("... !? —", "punctuation"),
        ("🎉🎉", "emoji"),
    ],
)
def test_nothing_to_say(text: str, what: str) -> None:
    with pytest.raises(TextError, match=what) as caught:
        speakable(text)
    assert caught.value.advice


@pytest.mark.parametrize("text", ["a", "5", "$", "%", "中", "¿qué?", "\u0e01"])
def test_something_to_say(text: str) -> None:
    assert speakable(text) == text


def test_control_characters_become_spaces_of_the_same_length() -> None:
    assert speakable("a\u0000b\ud800c\n") == "a b c\n"


def test_unknown_characters_are_named() -> None:
    assert describe("йж").startswith("й (CYRILLIC SMALL LETTER SHORT I), ж (CYRILLIC")
    assert describe("\u0378") == "\u0378 (U+0378)"
    assert describe("bcdefghijk", limit=2).endswith("and 8 more")
