"""Korean and Japanese in Latin letters, as XTTS was trained to read them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual.kanji import japanese
from vivavoce.text.multilingual.tables import SYMBOLS

FIRST_SYLLABLE, LAST_SYLLABLE = "가", "힣"
_INITIALS = "g kk n d tt l m b pp s ss - j jj ch k t p h"
_VOWELS = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i"
_FINALS = "- g kk gs n nj nh d l lg lm lb ls lt lp lh m b bs s ss ng j ch k t p h"
INITIALS, VOWELS, FINALS = (
    ["" if letters == "-" else letters for letters in row.split()]
    for row in (_INITIALS, _VOWELS, _FINALS)
)
GROUPED = re.compile(r"(?<![0-9])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
MONEY_BEFORE = re.compile(r"([$£€¥])\s?([0-9]+(?:\.[0-9]+)?)")
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
HANGUL = re.compile(f"[{FIRST_SYLLABLE}-{LAST_SYLLABLE}]+")


def romanised_korean(text: str) -> str:
    """Every syllable letter by letter (academic Revised Romanization): 물엿 -> mul-yeos.

    A hyphen keeps syllables apart where the letters between two vowels could be divided in
    another way, and before each syllable that begins with its vowel.
    """
    return HANGUL.sub(lambda match: _run(match[0]), text)


def _run(syllables: str) -> str:
    parts: list[str] = []
    before = ""  # the consonants that the last syllable ended in
    for i, syllable in enumerate(syllables):
        rest, final = divmod(ord(syllable) - ord(FIRST_SYLLABLE), len(FINALS))
        initial, vowel = divmod(rest, len(VOWELS))
        if i and (not INITIALS[initial] or _ambiguous(before + INITIALS[initial])):
            parts.append("-")
        before = FINALS[final]
        parts += [INITIALS[initial], VOWELS[vowel], before]
    return "".join(parts)


@cache
def _ambiguous(consonants: str) -> bool:
    """Whether they can be divided in more than one way into the end and the start of syllables."""
    cuts = range(len(consonants))
    return sum(consonants[:i] in FINALS and consonants[i:] in INITIALS for i in cuts) > 1


def cleaned_japanese(text: str) -> str:
    """Hepburn in lower case, words apart. Raises MissingExtra without the extra `ja`.

    Numbers are put in characters first, because the dictionary reads no digits.
    """
    text = unicodedata.normalize("NFKC", text)
    text = GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    text = MONEY_BEFORE.sub(r"\2\1", text).replace("¥", "円")
    text = NUMBER.sub(lambda match: japanese(match[0]), text)
    for mark, word in SYMBOLS["ja"].items():
        text = text.replace(mark, word)
    return _japanese()(text).lower()


@cache
def _japanese() -> Callable[[str], str]:
    try:
        from cutlet import Cutlet  # pyright: ignore[reportMissingImports]

        return Cutlet().romaji
    except ImportError as error:
        raise MissingExtra(
            "Japanese needs a dictionary of readings.",
            "Install it with: pip install 'vivavoce[ja]'",
        ) from error
