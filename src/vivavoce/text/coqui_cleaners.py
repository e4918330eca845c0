"""Coqui's text cleaners: what its models saw in training, rule for rule.

Differs from the original on purpose in four places: "€" is read
like the other currencies, "10:30 a.m." keeps no second "a.m.", the space after a time is kept, and
numbers become English words only in English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from vivavoce.errors import ConfigError, near_misses
from vivavoce.text.normalise.numbers import SCALES, SMALL, below_thousand, digits, to_ordinal

ABBREVIATIONS = {
    "en": (
        ("mrs", "misess"), ("mr", "mister"), ("dr", "doctor"), ("st", "saint"), ("co", "company"),
        ("jr", "junior"), ("maj", "major"), ("gen", "general"), ("drs", "doctors"),
        ("rev", "reverend"), ("lt", "lieutenant"), ("hon", "honorable"), ("sgt", "sergeant"),
        ("capt", "captain"), ("esq", "esquire"), ("ltd", "limited"), ("col", "colonel"),
        ("ft", "fort"),
    ),
    "fr": (
        ("m", "monsieur"), ("mlle", "mademoiselle"), ("mlles", "mesdemoiselles"),
        ("mme", "Madame"), ("mmes", "Mesdames"), ("n.b", "nota bene"), ("p.c.q", "parce que"),
        ("pr", "professeur"), ("qqch", "quelque chose"), ("rdv", "rendez-vous"),
        ("max", "maximum"), ("min", "minimum"), ("no", "numéro"), ("adr", "adresse"),
        ("dr", "docteur"), ("st", "saint"), ("co", "companie"), ("jr", "junior"),
        ("sgt", "sergent"), ("capt", "capitain"), ("col", "colonel"), ("av", "avenue"),
        ("art", "article"), ("boul", "boulevard"), ("c.-à-d", "c’est-à-dire"),
        ("etc", "et cetera"), ("ex", "exemple"), ("excl", "exclusivement"),
    ),
}  # fmt: skip
AMPERSAND = {"en": " and ", "fr": " et ", "it": " e ", "pt": " e ", "ca": " i "}
# one hundredth, hundredths, one unit, units
CURRENCIES = {
    "$": ("cent", "cents", "dollar", "dollars"),
    "€": ("cent", "cents", "euro", "euros"),
    "£": ("penny", "pence", "pound sterling", "pounds sterling"),
    "¥": ("sen", "sen", "yen", "yen"),
}

_GROUPED = re.compile(r"[0-9][0-9,]+[0-9]")
_MONEY = re.compile(r"([£$¥€])([0-9,.]*[0-9])")
_DECIMAL = re.compile(r"(?<![0-9])([0-9]++)\.([0-9]+)")
_ORDINAL = re.compile(r"(?<![0-9])([0-9]++)(?:st|nd|rd|th)")
_NUMBER = re.compile(r"-?[0-9]+")
_TIME = re.compile(
    r"\b(0?[0-9]|1[0-9]|2[0-3]):([0-5][0-9])(?:\s*([ap])(?:m\b|\.m\.?(?!\w))|\b)", re.IGNORECASE
)
_REMOVED = re.compile(r"[<>()\[\]\"]+")


def number_words(n: int, joiner: str = "and ") -> str:
    """A cardinal as the trained texts have it: groups of three parted by commas."""
    if n < 0:
        return "minus " + number_words(-n, joiner)
    if n >= 1000 ** len(SCALES):
        return digits(str(n))
    if n == 0:
        return SMALL[0]
    groups = []
    for power in range(len(SCALES) - 1, -1, -1):
        group = n // 1000**power % 1000
        if group:
            groups.append(f"{below_thousand(group, joiner)} {SCALES[power]}".strip())
    if len(groups) > 1 and 0 < n % 1000 < 100:
        return ", ".join(groups[:-1]) + f" {joiner}{groups[-1]}"
    return ", ".join(groups)


def english_numbers(text: str) -> str:
    """Groups, money, decimals, ordinals, then what is left, read as years from 1001 to 2999."""
    text = _GROUPED.sub(lambda m: m[0].replace(",", ""), text)
    text = _MONEY.sub(_money, text)
    text = _DECIMAL.sub(r"\1 point \2", text)
    text = _ORDINAL.sub(lambda m: to_ordinal(number_words(_int(m[1]))), text)
    return _NUMBER.sub(_number, text)


def _int(text: str) -> int:
    """Longer than Python reads at once are only ever spelled; the first digits do not matter."""
    return int(text[:1] + "0" * 40) if len(text) > 4000 else int(text)


def _money(match: re.Match[str]) -> str:
    cent, cents, unit, units = CURRENCIES[match[1]]
    parts = match[2].replace(",", "").split(".")
    if len(parts) > 2:
        return f"{match[2]} {units}"
    whole, part = (p.lstrip("0") for p in (*parts, "")[:2])
    said = []
    if whole:
        said.append(f"{whole} {unit if whole == '1' else units}")
    if part:
        said.append(f"{part} {cent if part == '1' else cents}")
    return " ".join(said) or f"zero {units}"


def _number(match: re.Match[str]) -> str:
    if len(match[0]) > 40:
        return ("minus " if match[0][0] == "-" else "") + digits(match[0])
    n = int(match[0])
    if not 1000 < n < 3000:
        return number_words(n, joiner="")
    century, rest = divmod(n, 100)
    if n == 2000 or 2000 < n < 2010:
        return "two thousand" + (f" {SMALL[rest]}" if rest else "")
    if rest == 0:
        return f"{number_words(century)} hundred"
    return f"{number_words(century)} {'oh ' if rest < 10 else ''}{number_words(rest)}"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    half = (match[3] or ("p" if hour >= 12 or hour == 0 else "a")).lower()
    said = [number_words(hour - 12 if hour > 12 else hour or 12)]
    if minute:
        said += ["oh"] if minute < 10 else []
        said.append(number_words(minute))
    return " ".join([*said, half, "m"])


def _abbreviations(text: str, language: str | None) -> str:
    for short, word in ABBREVIATIONS.get(language or "", ()):
        text = re.sub(rf"\b{re.escape(short)}\.", word, text, flags=re.IGNORECASE)
    return text


def _symbols(text: str, language: str | None) -> str:
    if language != "el":  # there a semicolon is a question mark
        text = text.replace(";", ",")
    text = text.replace("-", "" if language == "ca" else " ").replace(":", ",")
    if language == "ca":
        text = text.replace("'", "")
    if language in AMPERSAND:
        text = text.replace("&", AMPERSAND[language])
    return _REMOVED.sub("", text)


def _collapse(text: str) -> str:
    return " ".join(text.split())


def _basic(text: str, language: str | None) -> str:
    return _collapse(text.lower())


def _turkish(text: str, language: str | None) -> str:
    return _collapse(text.replace("I", "ı").lower())


def _english(text: str, language: str | None) -> str:
    text = english_numbers(_TIME.sub(_time, text.lower()))
    return _collapse(_symbols(_abbreviations(text, language), language))


def _phoneme(text: str, language: str | None) -> str:
    if language in {None, "en"}:
        text = english_numbers(text)
    return _collapse(_symbols(_abbreviations(text, language), language))


def _multilingual_phoneme(text: str, language: str | None) -> str:
    return _collapse(_symbols(text, language))


def _multilingual(text: str, language: str | None) -> str:
    return _collapse(_symbols(text.lower(), language))


def _french(text: str, language: str | None) -> str:
    text = re.sub(r"\bMlles?", lambda m: "mademoiselle" + m[0][4:], _abbreviations(text, language))
    text = re.sub(r"\bMmes?", lambda m: "madame" + m[0][3:], text)
    return _collapse(_symbols(text.lower(), language))


def _portuguese(text: str, language: str | None) -> str:
    return _multilingual(text, language)


CLEANERS: dict[str, Callable[[str, str | None], str]] = {
    "basic_cleaners": _basic,
    "transliteration_cleaners": _basic,
    "basic_german_cleaners": _basic,
    "basic_turkish_cleaners": _turkish,
    "english_cleaners": _english,
    "phoneme_cleaners": _phoneme,
    "multilingual_phoneme_cleaners": _multilingual_phoneme,
    "multilingual_cleaners": _multilingual,
    "french_cleaners": _french,
    "portuguese_cleaners": _portuguese,
}


def clean(text: str, cleaner: str | None, language: str | None = None) -> str:
    """The text as the named cleaner leaves it; `language` is a code, its region is ignored.

    Without a language no abbreviation and no "&" is written out, as in the original.

    Raises ConfigError for a cleaner we do not have.
    """
    if not cleaner:
        return text
    if cleaner == "no_cleaners":
        return text.replace("\n", "")
    if cleaner not in CLEANERS:
        raise ConfigError(f"Unknown text cleaner '{cleaner}'.", near_misses(cleaner, CLEANERS))
    code = language.partition("-")[0] if language else None
    return CLEANERS[cleaner](unicodedata.normalize("NFC", text), code)
