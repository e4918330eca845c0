"""Text -> the words XTTS was trained to read, in every language but Chinese and Japanese."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from vivavoce.text.multilingual import money, numbers
from vivavoce.text.multilingual.tables import (
    ABBREVIATIONS,
    DOTTED_ORDINALS,
    GERMAN_OPENERS,
    ORDINALS,
    SYMBOLS,
    UNDOTTED,
)

STOP_AFTER_NUMBER = "\ue000"
"""Stands between a number and the full stop that ends its sentence, so that it is no ordinal."""

GROUPED_BY_COMMAS = frozenset({"en", "ru", "ko", "hi"})
ENDING = re.compile(r"(?<=[0-9])\.(?=[\"'”’»)\]]*(?:\s+[\"'“„«(]*(?P<word>\w+)|\s*\Z))")
GAPS = re.compile(r"(?<=[0-9])[\u00a0\u202f\u2009](?=[0-9]{3}(?![0-9]))")
COMMAS = re.compile(r"(?<![0-9])[0-9]{1,3}(?:,[0-9]{2})*(?:,[0-9]{3})+(?![0-9])")
DOTS = re.compile(r"(?<![0-9])[0-9]{1,3}(?:\.[0-9]{3})+(?![0-9])")
DECIMAL = re.compile(r"([0-9]+)[.,]([0-9]+)")
DECIMAL_COMMA = re.compile(r"([0-9]+),([0-9]+)")
NUMBER = re.compile(r"[0-9]+")
SPACE = re.compile(r"\s+")

BROKEN = re.compile("[\ud800-\udfff]")
RECOMPOSED = frozenset({"ar", "hi"})
"""Where composing characters would change what the model was trained on."""


def cleaned(text: str, language: str) -> str:
    """`language` is a code of `tables.LANGUAGES` but `zh-cn` and `ja`."""
    text = prepared(text, language).replace('"', "")
    if language in DOTTED_ORDINALS:
        text = ENDING.sub(lambda match: sentence_end(match, language), text)
    if language == "tr":
        text = text.replace("İ", "i")
    text = with_numbers(text.lower(), language).replace(STOP_AFTER_NUMBER, "")
    text = _abbreviations(language).sub(
        lambda match: ABBREVIATIONS[language][match[1].lower()], text
    )
    return tidy(with_symbols(text, language))


def without_broken(text: str) -> str:
    """Lone surrogates, which no library takes, as spaces."""
    return BROKEN.sub(" ", text)


def prepared(text: str, language: str) -> str:
    """Characters composed as in print, every script's digits as 0-9."""
    if language not in RECOMPOSED:
        text = unicodedata.normalize("NFC", text)
    text = text.replace(STOP_AFTER_NUMBER, "")
    if not text.isascii():
        text = text.translate({ord(c): str(unicodedata.digit(c)) for c in set(text) if _digit(c)})
        text = GAPS.sub("", text.replace("٬", "").replace("٫", ","))
    return text


def with_numbers(text: str, language: str) -> str:
    """Lower-case text with money, decimals, ordinals and numbers written out."""
    grouped, separator = (COMMAS, ",") if language in GROUPED_BY_COMMAS else (DOTS, ".")
    text = grouped.sub(lambda match: match[0].replace(separator, ""), text)
    text = _money(language).sub(lambda match: money.spoken_amount(match, language), text)
    decimals = DECIMAL_COMMA if language == "tr" else DECIMAL
    text = decimals.sub(lambda match: numbers.decimal(match[1], match[2], language), text)
    text = ORDINALS[language].sub(lambda match: numbers.ordinal(match[1], language), text)
    return NUMBER.sub(lambda match: numbers.cardinal(match[0], language), text)


def with_symbols(text: str, language: str) -> str:
    for mark, word in SYMBOLS[language].items():
        text = text.replace(mark, f" {word} ")
    return text


def tidy(text: str) -> str:
    return SPACE.sub(" ", text).strip()


def sentence_end(match: re.Match[str], language: str) -> str:
    """Whether the dot after a number closes a sentence; the capital after it tells, mostly.

    German writes every noun with a capital and Turkish every name, so there the first word of
    the next sentence, or a number as long as a year's, must tell.
    """
    word = match["word"]
    ends = not word
    if word and word[0].isupper():
        text, stop = match.string, match.start()
        year = text[max(0, stop - 4) : stop].isdigit() and stop > 3
        opener = language == "de" and word.lower() in GERMAN_OPENERS
        ends = year or opener or language in {"cs", "hu"}
    return STOP_AFTER_NUMBER + "." if ends else "."


def _digit(char: str) -> bool:
    return not char.isascii() and unicodedata.category(char) == "Nd"


@cache
def _money(language: str) -> re.Pattern[str]:
    return money.pattern(language)


@cache
def _abbreviations(language: str) -> re.Pattern[str]:
    """Longer ones first, because `drs.` holds `dr`; a language without any never matches."""
    known = sorted(ABBREVIATIONS.get(language, ()), key=len, reverse=True)
    ending = r"\b" if language in UNDOTTED else r"\."
    return re.compile(rf"\b({'|'.join(known)}){ending}" if known else r"(?!)", re.IGNORECASE)
