"""The English rules in their order. Each step leaves words that the later ones do not touch."""

from __future__ import annotations

import re

from vivavoce.text.normalise import (
    codes,
    dates,
    electronic,
    figures,
    measures,
    money,
    quantities,
    signs,
    times,
    words,
)
from vivavoce.text.normalise.rewriter import Rewriter, Rule

# Tags and phoneme spellings are addressed to the voice, not to the reader.
TAG = re.compile(r"</?[a-zA-Z][\w:-]{0,30}(?:[ =][^<>\n]{0,200})?/?>")
PHONEMES = re.compile(
    r"\[(?:[^\]\[\n]{0,400}[ˈˌəɪʊɛɔæɹʃʒθðŋɑʌɡɫː][^\]\[\n]{0,400}|"
    r"(?:[A-Z]{1,2}[0-2]? ?){1,60}(?<=[A-Z][0-2 ])[A-Z\d ]{0,200})\]"
)
DIGIT = re.compile(r"[0-9¼½¾⅐-⅞]")
FIGURE = re.compile(r"[0-9⁰¹²³⁴-⁹⁺⁻]")
QUOTES = re.compile(r"``|''")

# "-5" after a space is a sign; between words or numbers it is a hyphen.
SIGNS: list[Rule] = [
    (re.compile(r"(?<![\w)\]%'\"-])-(?=[$€£¥]?\.?\d)"), "minus "),
    (re.compile(r"(?<![\w)\]])\+(?=[$€£¥]?\.?\d)"), "plus "),
    (re.compile(r"(?<![\w.])(?<!about )~ ?(?=[$€£¥]?\.?\d)"), "about "),
    (re.compile(r"(?<![\w])#(?=\d)"), "number "),
]


def speak_english(work: Rewriter) -> None:
    """Rewrite an English text, already cleaned, into words."""
    work.sub(QUOTES, '"')
    work.hold(TAG)
    work.hold(PHONEMES)
    if FIGURE.search(work.text):
        work.apply(figures.RULES)
        work.apply(codes.RULES)
    work.apply(codes.LETTERS)
    work.apply(electronic.RULES)
    if signs.ANY.search(work.text):
        work.apply(signs.RULES)
    if DIGIT.search(work.text):
        work.apply(times.DURATIONS)
    work.apply(words.EARLY)
    work.apply(dates.RULES)
    if DIGIT.search(work.text):
        _speak_numbers(work)
    work.apply(measures.LONE)
    if not work.text.isascii():
        work.apply(signs.LATE)
    work.apply(words.LATE)
    work.release()


def _speak_numbers(work: Rewriter) -> None:
    work.apply(times.RULES)
    work.apply(SIGNS)
    work.apply(quantities.VULGAR)
    work.apply(money.RULES)
    work.apply(electronic.VERSIONS)
    work.apply(measures.RULES)
    work.apply(quantities.FRACTIONS)
    work.apply(quantities.RULES)
