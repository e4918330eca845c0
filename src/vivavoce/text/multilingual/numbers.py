"""Numbers as words in the languages of XTTS. Never fails on a number.

English, Hindi and Czech ordinals are ours; the rest comes from num2words (extra `languages`), in
whose words XTTS was trained. What that library cannot say is said digit by digit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual import czech, english, hindi
from vivavoce.text.multilingual.tables import MOST_DIGITS, NAMES

REFUSALS = (
    ArithmeticError,
    AssertionError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What num2words raises for numbers, currencies and forms that a language of it lacks."""

SEPARATORS = {"ar": "فاصلة", "tr": "virgül"}
"""Where the library's decimals are wrong (12.5 as "twelve, fifty")."""

_one_at_a_time = Lock()  # the library keeps what it works on in objects shared by all threads


def cardinal(digits: str, language: str) -> str:
    """`digits` are ASCII. Long numbers, and codes such as 007, are said digit by digit."""
    if len(digits) > MOST_DIGITS or (len(digits) > 2 and digits[0] == "0"):
        return spelled(digits, language)
    return _cardinal(int(digits), language)


def ordinal(digits: str, language: str) -> str:
    """The form that is not inflected; the cardinal where a language has no such ordinal."""
    if len(digits) > MOST_DIGITS:
        return spelled(digits, language)
    n = int(digits)
    if language in {"en", "hi"}:
        return (english if language == "en" else hindi).ordinal(n)
    if language == "cs":
        return czech.ordinal(n, lambda m: _cardinal(m, language))
    try:
        words = _library(language)(n, lang=language, ordinal=True)
    except REFUSALS:
        words = ""
    if words:
        return words
    return _cardinal(n, language) + (" 번째" if language == "ko" else "")


def decimal(whole: str, fraction: str, language: str) -> str:
    """12.5 by its two halves."""
    if max(len(whole), len(fraction)) > MOST_DIGITS:
        return f"{spelled(whole, language)} {spelled(fraction, language)}"
    if language in {"en", "hi"}:
        return (english if language == "en" else hindi).decimal(whole, fraction)
    if language in SEPARATORS:
        said = spelled if fraction[0] == "0" else cardinal
        return f"{cardinal(whole, language)} {SEPARATORS[language]} {said(fraction, language)}"
    try:
        return _library(language)(float(f"{whole}.{fraction}"), lang=language)
    except REFUSALS:
        return f"{cardinal(whole, language)} {spelled(fraction, language)}"


def spelled(digits: str, language: str) -> str:
    """Every digit by its name."""
    names = {digit: _cardinal(int(digit), language) for digit in set(digits)}
    return " ".join(map(names.__getitem__, digits))


def library_currency(amount: float, currency: str, language: str) -> str:
    """num2words' amount of money, `currency` as an ISO code. Raises one of REFUSALS."""
    return _library(language)(amount, lang=language, to="currency", currency=currency)


def _cardinal(n: int, language: str) -> str:
    """Below 10^15, for which every language of the library has names."""
    if language == "en":
        return english.cardinal(n)
    if language == "hi":
        return hindi.cardinal(n)
    try:
        return _library(language)(n, lang=language)
    except REFUSALS:
        return spelled(str(n), language) if n > 9 else ""


@cache
def _library(language: str) -> Callable[..., str]:
    try:
        from num2words import num2words  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra(
            f"Numbers in {NAMES[language]} need num2words.",
            "Install it with: pip install 'vivavoce[languages]'",
        ) from error

    def say(number: float, **options: Any) -> str:
        with _one_at_a_time:
            return num2words(number, **options)

    return say
