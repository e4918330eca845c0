"""Amounts of money as words in the languages of XTTS. Knows pounds, dollars, euros and one more."""

from __future__ import annotations

import re

from vivavoce.text.multilingual import english, numbers
from vivavoce.text.multilingual.tables import MOST_DIGITS
from vivavoce.text.normalise.numbers import SMALL

CODES = {"£": "GBP", "$": "USD", "€": "EUR"}
NATIONAL = {"hi": "₹", "ru": "₽", "ko": "₩", "tr": "₺", "zh-cn": "¥"}
"""Language -> the mark of its own money."""

# Where the library has no words, other people's words, or English ones. One form, or those for
# one, for two to four, and for more; then those of the hundredth part.
UNITS = {
    "pl": {"£": "funt funty funtów/pens pensy pensów"},
    "cs": {"£": "libra libry liber/pence pence pencí", "$": "dolar dolary dolarů/cent centy centů"},
    "ru": {
        "£": "фунт фунта фунтов/пенс пенса пенсов",
        "₽": "рубль рубля рублей/копейка копейки копеек",
    },
    "ar": {"£": "جنيه/بنس", "$": "دولار/سنت", "€": "يورو/سنت"},
    "tr": {"£": "sterlin/peni", "$": "dolar/sent", "€": "euro/sent", "₺": "lira/kuruş"},
    "hu": {"£": "font/penny", "$": "dollár/cent", "€": "euró/cent"},
    "ko": {"£": "파운드/펜스", "$": "달러/센트", "€": "유로/센트", "₩": "원/전"},
    "hi": {"£": "पाउंड/पेंस", "$": "डॉलर/सेंट", "€": "यूरो/सेंट", "₹": "रुपये/पैसे"},
}
ENGLISH = {
    "£": ("pound sterling", "pounds sterling", "penny", "pence"),
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euro", "cent", "cents"),
}
BEFORE_CENTS = {"es": " con ", "fr": " et ", "de": " und ", "pt": " e ", "it": " e "}
"""What stands before the hundredths in the library's amounts; a comma elsewhere."""

_AMOUNT = r"(?<![0-9])(?<![0-9][.,]){0}[0-9]+(?:[.,][0-9]+)*"


def pattern(language: str) -> re.Pattern[str]:
    """An amount with its mark before or after it: `$3.50`, `20€`, `20 €`."""
    marks = f"[{''.join(CODES)}{NATIONAL.get(language, '')}]"
    behind = rf"(?:(?=\s{marks}(?!\s?[0-9]))\s)?(?P<mark>{marks})(?![0-9])"  # in "5 $20" none
    return re.compile(
        rf"(?P<sign>{marks})\s?(?P<after_sign>{_AMOUNT.format('[.]?')})"
        rf"|(?P<amount>{_AMOUNT.format('')}){behind}"
    )


def spoken_amount(match: re.Match[str], language: str) -> str:
    """Words for a match of `pattern`."""
    sign = match["sign"] or match["mark"]
    whole, cents = parse(match["after_sign"] or match["amount"])
    if len(whole) > MOST_DIGITS:
        return f"{numbers.spelled(whole, language)} {sign}"
    if language == "en":
        return _english(int(whole), cents, sign)
    units = UNITS.get(language, {}).get(sign)
    if units is None:
        try:
            return _library(int(whole), cents, CODES[sign], language)
        except numbers.REFUSALS:
            return f"{numbers.cardinal(whole, language)} {sign}"
    main, _, part = units.partition("/")
    words = _counted(int(whole), main, language)
    if cents:
        words += (" " if language == "ko" else ", ") + _counted(cents, part, language)
    return words


def parse(amount: str) -> tuple[str, int]:
    """Whole units and hundredths, rounded: 3,5 -> 3, 50. Only the last separator can be decimal."""
    *whole, last = re.split("[.,]", amount)
    if not whole:
        return last, 0
    if len(whole) > 1 and len(last) > 2:
        return "".join([*whole, last]), 0
    digits = int("".join(whole) or "0")
    cents = (int(last[:3].ljust(3, "0")) + 5) // 10
    return str(digits + cents // 100), cents % 100


def _english(whole: int, cents: int, sign: str) -> str:
    one, more, cent, several = ENGLISH[sign]
    words = f"{english.cardinal(whole)} {one if whole == 1 else more}"
    if cents:
        said = english.cardinal(cents) if cents > 19 else SMALL[cents]
        words += f", {said} {cent if cents == 1 else several}"
    return words


def _library(whole: int, cents: int, code: str, language: str) -> str:
    """The library's words, without its "and zero cents"."""
    words = numbers.library_currency(whole + cents / 100, code, language)
    head, joint, tail = words.rpartition(BEFORE_CENTS.get(language, ", "))
    zero = numbers.cardinal("0", language)
    return head if joint and not cents and tail.startswith(zero + " ") else words


def _counted(n: int, unit: str, language: str) -> str:
    forms = unit.split()
    noun = forms[_form(n, language)] if len(forms) == 3 else unit
    return numbers.cardinal(str(n), language) + ("" if language == "ko" else " ") + noun


def _form(n: int, language: str) -> int:
    """Which of a Slavic noun's three forms follows the number."""
    if n == 1 or (language == "ru" and n % 10 == 1 and n % 100 != 11):
        return 0
    counted = n if language == "cs" else n % 10
    few = 2 <= counted <= 4 and not 12 <= n % 100 <= 14
    return 1 if few else 2
