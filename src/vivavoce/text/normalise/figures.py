"""Numbers in other people's forms -> the forms that the English rules read.

Grouped digits, decimal commas, time stamps, exponents. Runs before every other rule.
"""

from __future__ import annotations

import re

from vivavoce.text.normalise.dates import iso_date
from vivavoce.text.normalise.measures import UNITS
from vivavoce.text.normalise.numbers import cardinal
from vivavoce.text.normalise.rewriter import Rule
from vivavoce.text.normalise.times import clock

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_ALPHABETIC = "|".join(
    re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True) if unit.isalpha()
)
_MEASURED = rf"(?= ?(?:(?:{_ALPHABETIC})(?![\w'])|[%‰°]))"
_EURO = r"(?= ?(?:€|EUR\b|[Ee]uros?\b))"
_DIALLED = re.compile(
    r"(?:call|phone|tel|dial|fax|ring|number|code|pin|at|no)\W{0,3}\Z", re.IGNORECASE
)


def _stamp(match: re.Match[str]) -> str | None:
    date = iso_date(match["year"], match["month"], match["day"])
    hours, minutes, seconds = int(match["h"]), int(match["m"]), int(match["s"] or 0)
    time = clock(hours, minutes, None)
    if date is None or time is None or seconds > 59:
        return None
    time += f" and {cardinal(seconds)} second{'s' if seconds != 1 else ''}" if seconds else ""
    return f"{date} at {time}{_offset(match['zone'])}"


def _offset(zone: str | None) -> str:
    if not zone:
        return ""
    hours, minutes = int(zone[1:3] or 0) if zone != "Z" else 0, int(zone[-2:]) if zone != "Z" else 0
    if zone == "Z" or not (hours or minutes):
        return " U T C"
    sign = "minus" if zone[0] == "-" else "plus"
    rest = f" {cardinal(minutes)} minutes" if minutes else ""
    return f" {sign} {cardinal(hours)} hour{'s' if hours != 1 else ''}{rest}"


def _spaced_groups(match: re.Match[str]) -> str | None:
    """1 000 000 is one number; 020 794 609 is a telephone number."""
    text, start, end = match.string, match.start(), match.end()
    named = _DIALLED.search(text[max(0, start - 12) : start])
    counts = match[0].endswith("000") or re.match(r"[.,]?\d? ?[A-Za-z%°€£$]", text[end : end + 3])
    if named or match[0][0] == "0" or not counts:
        return None
    return match[0].replace(" ", "")


def _dotted_groups(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - 10) : match.start()].lower()
    if re.search(r"(?:version|v|release|build|ip|at) ?\Z", before) or match[0][0] == "0":
        return None
    return match[0].replace(".", "")


def _continental(match: re.Match[str]) -> str:
    """1.250,50 -> 1250.50."""
    return match[0].replace(".", "").replace(",", ".")


def _ungrouped(match: re.Match[str]) -> str:
    return re.sub(r"[.']", "", match[0])


def _scientific(match: re.Match[str]) -> str:
    power = match["power"].lstrip("+")
    sign = "minus " if power.startswith("-") else ""
    return f"{match['n']} times ten to the power of {sign}{int(power.lstrip('-'))}"


def _charge(match: re.Match[str]) -> str:
    """SO₄²⁻ ends in "two minus", Na⁺ in "plus"."""
    number = " " + cardinal(int(match["n"].translate(SUPERSCRIPTS))) if match["n"] else ""
    return f"{number} {'plus' if match['sign'] == '⁺' else 'minus'}"


def _power(match: re.Match[str]) -> str:
    digits = match[0].translate(SUPERSCRIPTS)
    sign = "minus " if digits[0] == "-" else ""
    gap = " " if match.string[match.end() : match.end() + 1].isalnum() else ""
    return f" to the power of {sign}{int(digits.strip('+-') or 0)}{gap}"


def _caret(match: re.Match[str]) -> str:
    """10^-3, x^2."""
    if match["of"] in {"2", "3"}:
        return " squared" if match["of"] == "2" else " cubed"
    power = match["power"] or match["of"]
    return f" to the power of {power.replace('-', 'minus ')}"


def _square(match: re.Match[str]) -> str:
    """Sq. ft. -> sqft, a name of `measures.UNITS`; the dot stays where a sentence ends."""
    dot = "." if match["dot"] and not re.match(r" [a-z]", match.string[match.end() :][:2]) else ""
    return match["kind"].lower() + match["unit"].lower() + dot


_GROUPS = r"\d{1,3}(?:\.\d{3})*"

RULES: list[Rule] = [
    (
        re.compile(
            r"(?<![\w.,/-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<h>\d\d):(?P<m>\d\d)"
            r"(?::(?P<s>\d\d)(?:[.,]\d{1,9})?)?(?P<zone>Z|[+-]\d\d:?\d\d)?(?![\w:])"
        ),
        _stamp,
    ),
    (
        re.compile(r"(?<=\d )(min|sec|hr|oz|lb|tbsp|tsp|ft|yd|qt|gal|in)\.(?=[,;:)])"),
        lambda m: m[1],
    ),
    (re.compile(r"(?<=\d )fl\. ?oz\b(?:\.(?! [A-Z]|\Z))?"), "floz"),
    (
        re.compile(
            r"(?<=\d )(?P<kind>sq|cu)\.? ?(?P<unit>ft|in|yd|mi|km|m|cm|mm)\b(?P<dot>\.?)",
            re.IGNORECASE,
        ),
        _square,
    ),
    (
        re.compile(r"(?<![\w.,:/$£€-])\d{1,3}(?: \d{3}){1,4}(?![\d:/-]| \d|\.\d{3}\b)"),
        _spaced_groups,
    ),
    (
        re.compile(rf"(?<![\w.,]){_GROUPS},\d{{1,2}}{_EURO}|(?<=€){_GROUPS},\d\d(?![\d,]|\.\d)"),
        _continental,
    ),
    (
        re.compile(
            rf"(?<=€ ){_GROUPS},\d\d(?![\d,]|\.\d)|(?<![\w.,]){_GROUPS},\d{{1,2}}{_MEASURED}"
        ),
        _continental,
    ),
    (
        re.compile(
            rf"(?<![\w.,])\d{{1,3}}(?:\.\d{{3}})+{_EURO}|(?:(?<=€)|(?<=€ ))\d{{1,3}}(?:\.\d{{3}})+"
            r"(?![\d,]|\.\d)"
        ),
        _ungrouped,
    ),
    (re.compile(r"(?<![\w.,'])\d{1,3}(?:'\d{3})+(?![\w'])"), _ungrouped),
    (re.compile(r"(?<![\w.,-])\d{1,3}(?:\.\d{3}){2,4}(?![\w-]|\.\d)"), _dotted_groups),
    (
        re.compile(
            r"(?<![\w.,])(?P<n>\d{1,9}(?:\.\d{1,15})?)[eE](?P<power>[+-]\d{1,3}|(?<=e)\d{1,2})(?![\w-]|\.\d)"
        ),
        _scientific,
    ),
    (re.compile(r"(?<=[A-Za-z0-9)₀-₉])(?P<n>[²³]?)(?P<sign>[⁺⁻])(?![⁰¹²³⁴-⁹])"), _charge),
    (re.compile(r"(?<!\w)[⁰¹²³⁴-⁹]{1,3}(?=[A-Z])"), lambda m: m[0].translate(SUPERSCRIPTS) + " "),
    (
        re.compile(r"(?<=[\w)])(?:[⁺⁻][⁰¹²³⁴-⁹]{1,4}|[⁰¹⁴-⁹][⁰¹²³⁴-⁹]{0,3}|[²³][⁰¹²³⁴-⁹]{1,3})"),
        _power,
    ),
    (re.compile(r"(?<=\d) ?[×x*] ?(?=10(?:\^| to the power))"), " times "),
    (
        re.compile(
            r"(?<=[\d)])\^\(?(?P<power>-?\d{1,4})\)?(?!\w)|(?<=\b[a-ln-zA-Z])\^(?P<of>-?\d{1,3})(?!\w)"
        ),
        _caret,
    ),
]
