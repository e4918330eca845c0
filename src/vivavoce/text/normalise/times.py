"""English rules for times of day: 12 and 24 hours, seconds, zones and ranges."""

from __future__ import annotations

import re

from vivavoce.text.normalise.numbers import SMALL, cardinal, plural
from vivavoce.text.normalise.rewriter import Rule
from vivavoce.text.normalise.words import closing_dot

HALF = r"(?P<half>[ap])\.?m\b(?P<dot>\.?)"
ZONES = r"(?:[ECMP][SD]T|GMT|UTC|CET|CEST|BST|IST|JST|AEST|ET|PT|CT|MT)"
ZONE = (
    rf"(?: ?(?P<zone>{ZONES}\b"
    rf"|{ZONES.replace('[ECMP][SD]T', '(?:[ecmp]st|[ecmp]dt)')}\b"
    r"|[ECMPecmp]\.[SDsd]\.[Tt]\b\.?))?"
)


def _clock(hours: int, minutes: int, half: str | None) -> str | None:
    if hours > 24 or minutes > 59 or (half and hours > 12):
        return None
    name = cardinal(hours)
    if minutes == 0:
        return name if half else f"{name} o'clock"
    return f"{name} {'oh ' if minutes < 10 else ''}{cardinal(minutes)}"


def _suffix(match: re.Match[str]) -> str:
    half, zone = match["half"], match["zone"]
    words = f" {half.upper()} M" if half else ""
    if zone:
        words += " " + " ".join(zone.replace(".", "").upper())
    dot = closing_dot(match) if match[0].endswith(".") else ""
    following = match.string[match.end() : match.end() + 1]
    gap = " " if following.isalnum() else ""
    return words + dot + gap


def _time(match: re.Match[str]) -> str | None:
    words = _clock(int(match["h"]), int(match["m"] or 0), match["half"])
    return None if words is None else words + _suffix(match)


def _count(n: int, unit: str) -> str:
    return f"{cardinal(n)} {unit if n == 1 else plural(unit)}"


def _seconds(match: re.Match[str]) -> str | None:
    h, m, s = (int(match[k]) for k in "hms")
    if h > 24 or m > 59 or s > 59:
        return None
    words = f"{_count(h, 'hour')} {_count(m, 'minute')} and {_count(s, 'second')}"
    return words + _suffix(match)


def _ratio(match: re.Match[str]) -> str:
    return f"{cardinal(int(match['a']))} to {cardinal(int(match['b']))}"


def _bare_range(match: re.Match[str]) -> str:
    """The first hour of "9-5pm"; the second is read by the rule that follows."""
    return f"{SMALL[int(match['h'])]} to "


_RX = re.IGNORECASE

RULES: list[Rule] = [
    (
        re.compile(
            r"(?<![\w.,:/-])(?P<h>\d|1[0-2]) ?[-–] ?(?=(?:\d|1[0-2])(?::\d\d)? ?[ap]\.?m\b)", _RX
        ),
        _bare_range,
    ),
    (
        re.compile(
            r"(?:(?<=[ap]m)|(?<=m\.)|(?<=:\d\d)) ?[-–] ?(?=\d{1,2}(?::\d\d|\.\d\d ?[ap]"
            r"| ?[ap]\.?m\b))",
            _RX,
        ),
        " to ",
    ),
    (
        re.compile(
            r"(?<![\w.,:/])(?P<h>\d{1,2}):(?P<m>\d\d):(?P<s>\d\d)(?![\d:])"
            rf"(?: ?{HALF})?{ZONE}",
            _RX,
        ),
        _seconds,
    ),
    (re.compile(rf"(?<![\w.:/])(?<!\d,)(?P<h>\d{{1,2}})[:.](?P<m>\d\d) ?{HALF}{ZONE}", _RX), _time),
    (
        re.compile(
            r"(?<![\w.:/])(?<!\d,)(?P<h>\d{1,2}):(?P<m>\d\d)(?![\d:]|[.,]\d)(?P<half>"
            rf"(?!))?{ZONE}",
            _RX,
        ),
        _time,
    ),
    (re.compile(rf"(?<![\w.:/])(?<!\d,)(?P<h>\d{{1,2}})(?P<m>(?!))? ?{HALF}{ZONE}", _RX), _time),
    (re.compile(r"(?<![\w.,:/-])(?P<a>\d{1,4}):(?P<b>\d{1,4})(?![\w:]|[.,]\d)"), _ratio),
]
