from __future__ import annotations

import pytest

from vivavoce.data.alignment import share_out, word_errors, words


def test_numbers_case_and_marks_do_not_count() -> None:
    assert words("Chapter 24: Don't!", "en") == words("chapter twenty-four dont", "en")


def test_scripts_without_spaces_are_compared_by_character() -> None:
    assert words("今天。", "zh") == ["今", "天"]


@pytest.mark.parametrize(
    ("given", "heard", "errors"),
    [
        ("a b c d", "a b c d", 0.0),
        ("a b c d", "a x c d", 0.25),
        ("a b c d", "a c d", 0.25),
        ("a b c d", "a b b c d", 0.25),
        ("a b", "", 1.0),
        ("", "", 0.0),
    ],
)
def test_word_errors_are_levenshtein_over_the_given(given: str, heard: str, errors: float) -> None:
    assert word_errors(given.split(), heard.split()) == errors


def spans(given: str, *heard: str) -> list[str]:
    shares = share_out(given.split(), [part.split() for part in heard])
    return [" ".join(given.split()[s.first : s.last]) for s in shares]


def test_a_text_is_shared_out_by_what_was_heard() -> None:
    text = "one two three four five six seven eight nine ten"
    assert spans(text, "one two three", "four five six seven", "eight nine ten") == [
        "one two three",
        "four five six seven",
        "eight nine ten",
    ]


def test_words_heard_wrongly_stay_with_their_part() -> None:
    text = "one two three four five six seven eight"
    assert spans(text, "won two three fore", "five six seven ate") == [
        "one two three four",
        "five six seven eight",
    ]


def test_a_part_that_is_not_in_the_text_gets_none_of_it() -> None:
    text = "one two three four five six"
    assert spans(text, "one two three", "thank you for watching", "four five six") == [
        "one two three",
        "",
        "four five six",
    ]


def test_what_was_read_but_not_recorded_is_left_out() -> None:
    text = "one two three la la la la four five six"
    assert spans(text, "one two three", "four five six")[0] == "one two three"


def test_a_repeated_sentence_is_found_where_it_follows() -> None:
    text = "we go on we go on we stop"
    assert spans(text, "we go on", "we go on", "we stop") == ["we go on", "we go on", "we stop"]
