from __future__ import annotations

import pytest

from vivavoce.errors import UsageError, VivavoceError, near_misses, printable


def test_advice_is_part_of_what_is_printed():
    error = VivavoceError("The file is cut off.", "Fetch it again.")
    assert str(error) == "The file is cut off. Fetch it again."
    assert (error.message, error.advice) == ("The file is cut off.", "Fetch it again.")
    assert str(VivavoceError("Alone.")) == "Alone."


def test_a_mistake_in_asking_exits_differently_from_a_failure():
    assert (VivavoceError.exit_code, UsageError.exit_code) == (1, 2)


@pytest.mark.parametrize(
    ("name", "known", "advice"),
    [
        ("kathlen", ["kathleen", "vocos"], "Did you mean 'kathleen'?"),
        ("zzz", ["b", "a"], "Known: a, b."),
        ("zzz", [], "Known: none."),
        ("zzz", [f"name{n}" for n in range(13)], ""),
    ],
)
def test_near_misses(name, known, advice):
    assert near_misses(name, known) == advice


def test_a_message_cannot_draw_on_the_terminal():
    error = VivavoceError("'\x1b]0;x\x07\r\u202e'", "Look\x9b2J.")
    assert str(error) == "'\\x1b]0;x\\x07\\r\\u202e' Look\\x9b2J."
    assert printable("Zoë said «ok»\n\t中文 🎙") == "Zoë said «ok»\n\t中文 🎙"
