"""English rules for numbers that stand alone: fractions, ordinals, ranges, sums, codes, the rest.

Runs after dates, money and measures: what is left here is a plain number.
"""

from __future__ import annotations

import re
import unicodedata

from vivavoce.text.normalise.dates import bare_year
from vivavoce.text.normalise.measures import fraction, mixed
from vivavoce.text.normalise.numbers import (
    NUMBER,
    digits,
    grouped_digits,
    ordinal,
    plural,
    read,
    to_ordinal,
    whole_number,
)
from vivavoce.text.normalise.rewriter import Rule

SCALES = {"k": "thousand", "K": "thousand", "M": "million", "B": "billion", "bn": "billion"}
SUFFIXES = {1: "st", 2: "nd", 3: "rd"}
FIXED_FRACTIONS = {
    "24/7": "twenty-four seven", "50/50": "fifty-fifty", "20/20": "twenty twenty",
    "9/11": "nine eleven",
}  # fmt: skip


def _vulgar(match: re.Match[str]) -> str:
    """½ after a number is a mixed fraction, alone a fraction; both are written as 1/2 first."""
    form = unicodedata.normalize("NFKC", match["sign"]).replace("\u2044", "/")
    return (match["whole"] + " " if match["whole"] else "") + form


def _mixed(match: re.Match[str]) -> str | None:
    n, d = int(match["num"]), int(match["den"])
    return mixed(match["whole"], n, d) if d else None


def _fraction(match: re.Match[str]) -> str | None:
    text = match[0].replace(" ", "")
    if text in FIXED_FRACTIONS:
        return FIXED_FRACTIONS[text]
    n, d = int(match["num"]), int(match["den"])
    if d == 0 or (len(match["den"]) > 1 and match["den"][0] == "0"):
        return None
    return fraction(n, d)


def _ordinal(match: re.Match[str]) -> str | None:
    n = int(match["n"].replace(",", ""))
    suffix = match["suffix"].lower()
    wanted = "th" if n % 100 in (11, 12, 13) else SUFFIXES.get(n % 10, "th")
    if suffix != wanted:
        return f"{read(match['n'])} {match['suffix']}"
    words = ordinal(n)
    return words.replace("hundred and ", "hundred ") if n > 100 else words


def _range(match: re.Match[str]) -> str:
    a, b = match["a"], match["b"]
    spaced = match["dash"].startswith(" ")
    first, second = _number_or_year(a), _number_or_year(b)
    rising = float(a.replace(",", "")) < float(b.replace(",", "")) or max(len(a), len(b)) < 3
    score = not spaced and a.isdigit() and b.isdigit() and 50 <= int(b) < int(a) < 500
    if (rising or score) and len(a) < 10 and (not spaced or len(a) == len(b)):
        return f"{first} to {second}"
    return f"{first} - {second}"


def _number_or_year(text: str) -> str:
    return read(text)


def _expression(match: re.Match[str]) -> str:
    """In "1-2=5" a hyphen between the numbers is a minus sign."""
    return match["a"] + " minus " + match["b"]


def _code(match: re.Match[str]) -> str:
    """Digits that touch letters: B2B, C24, t2000, ab9453, 25d08A."""
    text = match[0]
    if len(text) == 4 and text[1:] != "000" and text[:2] not in {"19", "20"}:
        words = digits(text)
    else:
        words = grouped_digits(text)
    return _spaced(match, words)


def _scaled(match: re.Match[str]) -> str:
    """3k likes, 1.5M users."""
    return f"{read(match['n'])} {SCALES[match['scale']]}"


def _seconds(match: re.Match[str]) -> str | None:
    """30s after a word; "4s" alone or after a name is a model."""
    before = match.string[max(0, match.start() - 16) : match.start()]
    if before.endswith("the ") and "." not in match["n"]:
        return plural(grouped_digits(match["n"]))  # "the 670s BC", "the 7s and the 8s"
    if "." not in match["n"] and not _SPENT.search(before):
        return None
    return f"{read(match['n'])} second{'' if match['n'] == '1' else 's'}"


def _plain(match: re.Match[str]) -> str:
    if (
        match[0].isdigit() and len(match[0]) > 9 and not match[0].endswith("000000")
    ):  # an account or serial number
        return _spaced(match, digits(match[0]))
    return _spaced(match, read(match[0]))


def _spaced(match: re.Match[str], words: str) -> str:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    after = match.string[match.end() : match.end() + 1]
    lead = " " if before.isalnum() else ""
    return lead + words + (" " if after.isalnum() else "")


FREE = r"(?<![\w.,/])"
_SPENT = re.compile(
    r"(?:\b[a-z]+|\b(?:Wait|Sleep|After|Within|For|In|Only|Just|About|Every)) \(?\Z"
)

VULGAR: list[Rule] = [
    (re.compile(r"(?:(?<![\w.,])(?P<whole>\d{1,9}) ?)?(?P<sign>[¼½¾⅐-⅞])"), _vulgar),
]
FRACTIONS: list[Rule] = [
    (
        re.compile(
            rf"{FREE}(?P<whole>\d{{1,9}})(?: |-| and )(?P<num>\d{{1,3}})/(?P<den>\d{{1,3}})"
            r"(?:th|rd|nd|st)?s?(?![\w/]|[.,]\d)",
            re.IGNORECASE,
        ),
        _mixed,
    ),
    (
        re.compile(
            rf"{FREE}(?P<num>\d{{1,9}})(?P<gap> ?)/(?P=gap)(?P<den>\d{{1,9}})(?:th|rd|nd"
            r"|st)?s?(?![\w/-]|[.,]\d)",
            re.IGNORECASE,
        ),
        _fraction,
    ),
]

RULES: list[Rule] = [
    (
        re.compile(
            rf"(?<![\w.,])(?P<n>{NUMBER})(?P<scale>k|K|M|B|bn)(?= [a-z]{{3,}}s\b| people\b)"
        ),
        _scaled,
    ),
    (
        re.compile(r"(?<![\w.,])(?P<n>\d{1,4}\.\d{1,3})(?P<scale>M|B|bn)(?![\w-])"),
        _scaled,
    ),
    (
        re.compile(r"(?<![\w.,'$£€/-])(?P<n>\d{1,3}|\d{1,6}\.\d{1,3})s\b(?!')"),
        _seconds,
    ),
    (
        re.compile(
            r"(?<![\w.,])(?P<n>\d{1,3}(?:,\d{3}){1,10}|\d{1,30})[- ]?(?P<suffix>(?<![- ])"
            r"(?:st|nd|rd|th))(?![\w])",
            re.IGNORECASE,
        ),
        _ordinal,
    ),
    (re.compile(r"(?<![\w.,])(?P<a>\w{1,12}) ?[-–] ?(?P<b>\d{1,12})(?= ?=)"), _expression),
    (
        re.compile(
            rf"(?<![\w,–-])(?<!\d\.)(?P<a>{NUMBER})(?P<dash> ?[-–] ?)(?P<b>{NUMBER})(?![\w–-]"
            r"|[.,]\d)"
        ),
        _range,
    ),
    (re.compile(r"(?<=\d) ?\+ ?(?=[\w.])|(?<=\w) \+ ?(?=\w)"), " plus "),
    (re.compile(r"(?<=\d)\+(?!\w)"), " plus"),
    (re.compile(r"(?<=\d) ?[*×] ?(?=\d)"), " times "),
    (re.compile(r"(?<=\d) ?÷ ?(?=\d)"), " divided by "),
    (re.compile(r"(?<=[\d)]) ?\^ ?(?=\d)"), " to the power of "),
    (
        re.compile(
            r"(?<=[A-Za-z])\d{1,12}(?![\d.,])|(?<=[A-Za-z])\d{1,12}(?=[.,](?!\d))|"
            r"(?<![\d.,])\d{1,12}(?=[A-Za-z])"
        ),
        _code,
    ),
    (
        re.compile(
            r"(?<![\w.,/#-])[12]\d{3}(?![\w%/]|[.,]\d|-\d)|(?<=[(\"'/–-])"
            r"(?<![\d.,#][-–/])[12]\d{3}(?![\w%/-]|[.,]\d)"
        ),
        bare_year,
    ),
    (re.compile(rf"(?<![\d])(?<!\d[.,]){NUMBER}"), _plain),
    (re.compile(r"\d+"), lambda m: _spaced(m, whole_number(m[0]))),
]

__all__ = ["FRACTIONS", "RULES", "to_ordinal"]
