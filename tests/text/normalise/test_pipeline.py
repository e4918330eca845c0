"""Normalisation never fails, keeps its offsets in order and leaves other languages alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.text.normalise import normalise

ALPHABET = (
    "0123456789.,-–/:$€%'\"()[]<>#@&+=*~ \n\taAmMkKgGIVXsStdrnh é中。½²°🎉\u200d\u0301\ue000\ud800"
)


def assert_traced(text: str, language: str) -> None:
    spoken = normalise(text, language)
    assert len(spoken.text) == len(spoken.origin)
    assert list(spoken.origin) == sorted(spoken.origin)
    assert all(0 <= offset < len(text) for offset in spoken.origin)


def test_random_text_is_traced() -> None:
    draw = random.Random(7)
    for _ in range(300):
        text = "".join(draw.choices(ALPHABET, k=draw.randrange(50)))
        assert_traced(text, "en")
        assert_traced(text, "de")


@pytest.mark.parametrize(
    "piece",
    ["1", "1,", "111,", "1.", "1-", "1/", "$1", "A.", "a@", "<a ", "[A ", "1:0", "x1", " \n", "/"],
)
def test_long_repetitions_end(piece: str) -> None:
    """Nested repetition in a pattern would make these take hours."""
    spoken = normalise(piece * (4000 // len(piece)))
    assert len(spoken.text) == len(spoken.origin)


def test_other_languages_lose_only_noise() -> None:
    text = "Das  kostet 12,5 €\u0007 am 1. Mai\u200b 🎉 – „gut“.\n"
    assert normalise(text, "de-DE").text == "Das kostet 12,5 € am 1. Mai – „gut“."
    persian = "می\u200cخواهم"  # the joiner decides the letters' shapes
    assert normalise(persian, "fa").text == persian


def test_lines_are_joined_and_paragraphs_kept() -> None:
    assert normalise("July\n4, 2012\n\nNext   one").text == (
        "July fourth, twenty twelve\n\nNext one"
    )


def test_offsets_lead_back_to_the_source() -> None:
    source = "It costs $5 now."
    spoken = normalise(source)
    assert spoken.text == "It costs five dollars now."
    assert source[spoken.origin[spoken.text.index("five")]] == "$"
    assert source[spoken.origin[spoken.text.index("now")] :] == "now."


def test_written_forms_of_every_language_pass(
    data_folder: Callable[[str], Path],
) -> None:
    files = sorted((data_folder("text") / "nemo_tn").rglob("test_cases_*.txt"))
    assert len(files) > 100
    for file in files:
        language = file.parent.parent.name
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        written = "\n\n".join(line.partition("~")[0][:500] for line in lines[:12])
        assert_traced(written, language)
        assert_traced(written, "en")
