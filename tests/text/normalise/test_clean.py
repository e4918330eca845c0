"""Characters before words."""

from __future__ import annotations

import pytest

from vivavoce.text.normalise.clean import clean, tidy
from vivavoce.text.normalise.rewriter import Rewriter


def cleaned(text: str, english: bool = True) -> str:
    work = Rewriter(text)
    clean(work, english)
    tidy(work)
    return work.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u0000b\u0007", "ab"),
        ("hi 🎉👍🏽!", "hi !"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("“It’s”", '"It\'s"'),
        ("ｆｕｌｌ １２ ﬁne", "full 12 fine"),
        ("٣٤", "34"),
        ("cafe\u0301", "café"),
        ("a\u00a0\u2003b", "a b"),
        ("−5 ‑ №5 30℃", "-5 - No. 5 30°C"),
        ("# Title\ntext", "Title text"),
        ("\ue000\ud800x", "x"),
    ],
)
def test_english(text: str, expected: str) -> None:
    assert cleaned(text) == expected


def test_other_languages_keep_their_marks() -> None:
    assert cleaned("„Ja“ ２\n# b", english=False) == "„Ja“ ２\n# b"
