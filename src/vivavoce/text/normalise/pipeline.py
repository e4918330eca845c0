"""Text as it is written -> text as it is said, with the source offset of every character.

Knows the order of the steps; the rules of a language lie in its own module.
"""

from __future__ import annotations

from vivavoce.text.normalise.clean import clean, tidy
from vivavoce.text.normalise.english import speak_english
from vivavoce.text.normalise.rewriter import Rewriter
from vivavoce.types import Spoken


def normalise(text: str, language: str = "en") -> Spoken:
    """Write numbers, dates, money, units, abbreviations and symbols out as words.

    English has rules; any other language only loses control characters, emoji and surplus
    spaces. Never fails: what no rule knows passes through. Time is linear in the text's length.
    """
    work = Rewriter(text)
    english = language.lower().replace("_", "-").partition("-")[0] == "en"
    clean(work, english)
    if english:
        speak_english(work)
    tidy(work)
    return work.spoken()
