"""English rules for times of day: 12 and 24 hours, seconds, zones and ranges."""

from __future__ import annotations

import re

from vivavoce.text.normalise.numbers import SMALL, cardinal, plural, read
from vivavoce.text.normalise.rewriter import Rule
from vivavoce.text.normalise.words import closing_dot

HALF = r"(?P<half>[ap])\.?m\b(?P<dot>\.?)"
ZONES = r"(?:[ECMP][SD]T|GMT|UTC|CET|CEST|BST|IST|JST|AEST|ET|PT|CT|MT)"
ZONE = (
    rf"(?: ?(?P<zone>{ZONES}\b"
    rf"|{ZONES.replace('[ECMP][SD]T', '(?:[ecmp]st|[ecmp]dt)')}\b"
    r"|[ECMPecmp]\.[SDsd]\.[Tt]\b\.?))?"
)


def clock(hours: int, minutes: int, half: str | None) -> str | None:
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
    words = clock(int(match["h"]), int(match["m"] or 0), match["half"])
    return None if words is None else words + _suffix(match)


def _count(n: int, unit: str) -> str:
    return f"{cardinal(n)} {unit if n == 1 else plural(unit)}"


def _seconds(match: re.Match[str]) -> str | None:
    h, m, s = (int(match[k]) for k in "hms")
    if h > 24 or m > 59 or s > 59:
        return None
    words = f"{_count(h, 'hour')} {_count(m, 'minute')} and {_count(s, 'second')}"
    return words + _suffix(match)


def _race(match: re.Match[str]) -> str:
    """Minutes, seconds and their parts: 1:59.31 -> one fifty-nine point three one."""
    seconds = match["s"]
    said = f"oh {read(seconds[1:])}" if seconds[0] == "0" else read(seconds)
    return f"{cardinal(int(match['m']))} {said}"


def _ratio(match: re.Match[str]) -> str:
    return f"{cardinal(int(match['a']))} to {cardinal(int(match['b']))}"


def _bare_range(match: re.Match[str]) -> str:
    """The first hour of "9-5pm"; the second is read by the rule that follows."""
    return f"{SMALL[int(match['h'])]} to "


_RX = re.IGNORECASE

DURATION_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
PART = re.compile(r"(\d+(?:\.\d+)?) ?([dhms])|(\d+)\Z")


def _duration(match: re.Match[str]) -> str | None:
    """2h 15m -> two hours fifteen minutes; "1h30" ends in minutes."""
    parts = PART.findall(match[0])
    if len(parts) < 2:
        return None
    said = []
    for number, unit, last in parts:
        name, count = DURATION_UNITS[unit or "m"], read(number or last)
        said.append(f"{count} {name if count == 'one' else plural(name)}")
    return " ".join(said)


def _military(match: re.Match[str]) -> str:
    """0600 -> oh six hundred, 1430 -> fourteen thirty."""
    hours, minutes = int(match["h"]), int(match["m"])
    said = ("oh " if hours < 10 else "") + cardinal(hours)
    if minutes == 0:
        return said + " hundred"
    return f"{said} {'oh ' if minutes < 10 else ''}{cardinal(minutes)}"


DURATIONS: list[Rule] = [
    (
        re.compile(
            r"(?<![\w.,/])(?=\d{1,4}(?:d|h|m|min) ?\d)(?:\d{1,4}d ?)?(?:\d{1,3}h ?)?"
            r"(?:\d{1,4}m(?:in)?(?![\w²³])(?= ?\d{1,2}(?:\.\d{1,3})?s)|\d{1,4}m(?:in)?(?=\d)"
            r"|(?<=\d[dh])\d{1,4}m(?:in)?(?!\w)|(?<=\d[dh] )\d{1,4}m(?:in)?(?!\w)"
            r"|(?<=\dh)\d\d(?!\w))? ?(?:\d{1,5}(?:\.\d{1,3})?s(?!\w))?(?<! )(?!\w)"
        ),
        _duration,
    ),
    (
        re.compile(r"(?<![\w.,:/-])(?P<h>[01]\d|2[0-4])(?P<m>[0-5]\d)(?= (?:hours|hrs)\b)"),
        _military,
    ),
]

RULES: list[Rule] = [
    (
        re.compile(r"(?<=\d:[0-5]\d) ?[-–] ?(?=(?:\d|1\d|2[0-4])(?![\w:/-]|[.,]\d))"),
        " to ",
    ),
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
    (
        re.compile(rf"(?<![\w.:])(?<!\d[,/])(?P<h>\d{{1,2}})[:.](?P<m>\d\d) ?{HALF}{ZONE}", _RX),
        _time,
    ),
    (
        re.compile(
            r"(?<![\w.:/])(?<!\d,)(?P<h>\d{1,2}):(?P<m>\d\d)(?![\d:]|[.,]\d)(?P<half>"
            rf"(?!))?{ZONE}",
            _RX,
        ),
        _time,
    ),
    (re.compile(rf"(?<![\w.:])(?<!\d[,/])(?P<h>\d{{1,2}})(?P<m>(?!))? ?{HALF}{ZONE}", _RX), _time),
    (re.compile(r"(?<![\w.,:/])(?P<m>\d{1,2}):(?P<s>[0-5]\d\.\d{1,3})(?![\w:]|\.\d)"), _race),
    (re.compile(r"(?<![\w.,:/-])(?P<a>\d{1,4}):(?P<b>\d{1,4})(?![\w:]|[.,]\d)"), _ratio),
]
