"""English rules for dates, years, decades, quarters and eras.

Order of day and month: month first where a slash or hyphen leaves it open, day first with dots.
"""

from __future__ import annotations

import re

from vivavoce.text.normalise.numbers import cardinal, ordinal, plural, short_year, year
from vivavoce.text.normalise.rewriter import Rule

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December",
)  # fmt: skip
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
LAST_DAY = r"(?: ?[-–] ?(?P<last>[12]?\d|3[01])(?:st|nd|rd|th)?)?"
YEAR = r"(?P<year>[12]\d{3})(?![\d%]|[.,]\d)"
WEEKDAYS = {
    "mon": "Monday", "tu": "Tuesday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday",
    "thu": "Thursday", "thur": "Thursday", "thurs": "Thursday", "fri": "Friday",
    "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
ERAS = {"ad": "A D", "bc": "B C", "ce": "C E", "bce": "B C E"}
COUNTED = re.compile(
    r" (?:people|men|women|children|miles|feet|copies|"
    r"(?!(?:is|was|has|this|as|us|its|his|does|series|census|elections?|games|olympics|midterms"
    r"|protests|earnings|results|playoffs|sales)\b)[a-z]{2,}[^\Wsiu]s)\b"
)
MUSIC = re.compile(
    r"(?:-style)? (?:band|music|song|hit|film|movie|rock"
    r"|pop|fashion|classic|icon|kid|party|style)s?\b"
)
DECADE = re.compile(
    r"(?:\b(?:the|his|her|their|my|your|our|its|early|late|and|or|from|of|since) |\bmid[ -])\Z",
    re.IGNORECASE,
)
NUMBER_WORD = re.compile(r"(?:in|since|by|from|until|till|before|after|of|year|during|circa) \Z")


_DETERMINED = re.compile(r"\b(?:the|our|your|its|their|this|last|next|each|a) \Z", re.IGNORECASE)


def _month_name(text: str) -> str:
    return next(name for name in MONTHS if name.lower().startswith(text.lower()[:3]))


def _is_modal(match: re.Match[str]) -> bool:
    """Lower-case "may", "march" and "mar" are months only beside a year."""
    word = match["month"]
    return word in {"may", "march", "mar", "sun"} and not match["year"]


def _year_words(match: re.Match[str]) -> str:
    found = match["year"]
    if not found:
        return ""
    return (", " if "," in match["gap"] else " ") + year(int(found))


def _month_day(match: re.Match[str]) -> str | None:
    if _is_modal(match):
        return None
    to = f" to {ordinal(int(match['last']))}" if match["last"] else ""
    return f"{_month_name(match['month'])} {ordinal(int(match['day']))}{to}{_year_words(match)}"


def _day_month(match: re.Match[str]) -> str | None:
    if _is_modal(match):
        return None
    article = "" if match["the"] else "the "
    first = (match["the"] or article) + ordinal(int(match["day"]))
    to = f" to {ordinal(int(match['last']))}" if match["last"] else ""
    dot = "." if match.end() == len(match.string) and match[0].endswith(".") else ""
    return f"{first}{to} of {_month_name(match['month'])}{_year_words(match)}{dot}"


def _written(month: str, day: str, year_words: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{MONTHS[int(month) - 1]} {ordinal(int(day))}, {year_words}"


def iso_date(year_text: str, month: str, day: str) -> str | None:
    """2024, 03, 15 -> March fifteenth, twenty twenty-four; None where there is no such day."""
    return _written(month, day, year(int(year_text)))


def _numeric(match: re.Match[str]) -> str | None:
    first, last, text = match["first"], match["second"], match["year"]
    year_words = year(int(text)) if len(text) == 4 else short_year(text)
    day_first = match["sep"] == "." or int(first) > 12
    if not day_first:
        return _written(first, last, year_words)
    if not (1 <= int(last) <= 12 and 1 <= int(first) <= 31):
        return None
    return f"the {ordinal(int(first))} of {MONTHS[int(last) - 1]} {year_words}"


def _short_numeric(match: re.Match[str]) -> str | None:
    if not 1 <= int(match["m"]) <= 12 or not 1 <= int(match["d"]) <= 31:
        return None
    return f"{match['before']}{MONTHS[int(match['m']) - 1]} {ordinal(int(match['d']))}"


def _decade(match: re.Match[str]) -> str:
    return plural(year(int(match["year"] + "0")))


def _short_decade(match: re.Match[str]) -> str | None:
    """The 90s, '90s, mid-90s; "wait 30s" is a time."""
    before = match.string[max(0, match.start() - 8) : match.start()]
    styled = MUSIC.match(match.string, match.end())
    if not match["tick"] and before and not styled and not DECADE.search(before):
        return None
    words = cardinal(int(match["tens"] + "0"))
    return plural(words) if int(match["tens"]) > 1 else None


def _decades(match: re.Match[str]) -> str:
    second = match["b"]
    words = cardinal(int(second)) if len(second) == 2 else year(int(second))
    return f"{plural(year(int(match['a'])))} to {plural(words)}"


def _year_range(match: re.Match[str]) -> str | None:
    first, last = match["a"], match["b"]
    whole = int(last) if len(last) == 4 else int(first[:2] + last)
    if whole <= int(first) or len(last) == 3:
        return None
    second = year(whole) if len(last) == 4 else short_year(last)
    return f"{year(int(first))} to {second}"


def _season(match: re.Match[str]) -> str | None:
    """2019/20 is two years only if the second follows the first."""
    first, second = int(match["a"]), match["b"]
    if (first + 1) % 100 != int(second):
        return None
    return f"{year(first)} to {short_year(second)}"


def _era(match: re.Match[str]) -> str:
    letters = ERAS[match["era"].replace(".", "").lower()]
    words = _years(int(match["year"]))
    dot = "." if match["era"].endswith(".") and match.end() == len(match.string) else ""
    return f"{letters} {words}" if match.re is AD_FIRST else f"{words} {letters}{dot}"


def _years(n: int) -> str:
    """Also of three digits: 323 -> three twenty-three."""
    if n >= 1000 or n % 100 == 0 or n < 100:
        return year(n)
    rest = n % 100
    return cardinal(n // 100) + (" oh " if rest < 10 else " ") + cardinal(rest)


def _part_of_year(match: re.Match[str]) -> str:
    kind, number = match["kind"].upper(), int(match["n"])
    owned = _DETERMINED.search(match.string[max(0, match.start() - 8) : match.start()])
    name = f"{'' if owned else 'the '}{ordinal(number)} {'quarter' if kind == 'Q' else 'half'}"
    found = match["year"]
    if not found:
        return name
    return f"{name} of {year(int(found)) if len(found) == 4 else short_year(found)}"


def _weekday(match: re.Match[str]) -> str:
    return WEEKDAYS[match["day"].lower()]


def bare_year(match: re.Match[str]) -> str | None:
    """1100 to 2099 are read as years unless they count something ("1850 workers")."""
    n = int(match[0])
    before = match.string[max(0, match.start() - 12) : match.start()]
    counted = COUNTED.match(match.string, match.end())
    named = NUMBER_WORD.search(before.lower())
    if not (1000 if named else 1100) <= n < 2100 or (counted and not named):
        return None
    return year(n)


def _rx(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


AD_FIRST = re.compile(r"\b(?P<era>A\.?D\.?) (?P<year>\d{1,4})\b")
NOT_IN_NUMBER = r"(?<![\w.,/-])"

RULES: list[Rule] = [
    (_rx(r"(?<![\w.,/-])(?P<a>(?:19|20)\d\d)/(?P<b>\d\d)(?![\w/-]|[.,]\d)"), _season),
    (
        re.compile(
            r"(?<=%) ?[-–] ?(?=\d)|(?<=day) ?[-–] ?(?=(?:Mon|Tues|Wednes|Thurs|Fri|Satur"
            r"|Sun)day)"
        ),
        " to ",
    ),
    (
        _rx(
            r"\b(?P<day>Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun)\.?(?P<dash> ?[-–] ?)(?=(?:Mon|Tue"
            r"|Wed|Thu|Fri|Sat|Sun))(?P<last>[a-z]{3,9})\b"
        ),
        lambda m: f"{_weekday(m)} to {WEEKDAYS.get(m['last'].lower(), m['last'])}",
    ),
    (
        re.compile(
            r"\b(?P<a>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.? ?[-–] ?(?P<b>Jan"
            r"|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]*\b"
        ),
        lambda m: f"{_month_name(m['a'])} to {_month_name(m['b'])}",
    ),
    (re.compile(r"\b(?P<day>Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun)\.(?= |,|-)"), _weekday),
    (
        re.compile(
            r"\b(?P<day>Mon|Tu|Tues?|Wed|Thurs?|Fri|Sat|Sun)(?=,? (?:\(?\d"
            r"|[A-Z][a-z]{2,8}\.? \d))"
        ),
        _weekday,
    ),
    (
        _rx(
            rf"\b{MONTH}\b\.?[ -]{DAY}{LAST_DAY}(?:(?P<gap>,? |-){YEAR})?(?![\d:%]|[.,/]\d"
            r"|-\d)(?![a-z])"
        ),
        _month_day,
    ),
    (
        _rx(
            rf"{NOT_IN_NUMBER}(?P<the>the )?{DAY}{LAST_DAY}(?: of | |-){MONTH}\b(?:\.(?= \d"
            rf"|\Z))?(?:(?P<gap>,? |-|,){YEAR})?(?![\d:]|-\d)"
        ),
        _day_month,
    ),
    (
        _rx(rf"\b{MONTH}\.? (?P<year>1\d{{3}}|20\d\d)(?![\d:%]|[.,]\d)"),
        lambda m: f"{_month_name(m['month'])} {year(int(m['year']))}",
    ),
    (
        _rx(
            r"(?<![\w.,/-])(?P<year>[12]\d{3})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)"
            r"(?P<d>\d{1,2})(?![\w/-]|\.\d)"
        ),
        lambda m: _written(m["m"], m["d"], year(int(m["year"]))),
    ),
    (
        _rx(
            r"(?<![\w.,/-])(?P<first>\d{1,2})(?P<sep>[-/.])(?P<second>\d{1,2})(?P=sep)"
            r"(?P<year>[12]\d{3})(?![\w/-]|\.\d)"
        ),
        _numeric,
    ),
    (
        _rx(
            r"(?<![\w.,/-])(?P<first>\d{1,2})(?P<sep>/)(?P<second>\d{1,2})/(?P<year>\d{2})"
            r"(?![\w/-]|\.\d)"
        ),
        _numeric,
    ),
    (
        _rx(
            r"(?P<before>(?:day,? \(?|\bon |\bdue |\bdated ))(?!9/11\b|24/7\b)"
            r"(?P<m>\d{1,2})/(?P<d>\d{1,2})"
            r"(?![\w/-])"
        ),
        _short_numeric,
    ),
    (
        _rx(r"(?<![\w.,/-])(?P<m>0?[1-9]|1[0-2])/(?P<year>(?:19|20)\d\d)(?![\w/-])"),
        lambda m: f"{MONTHS[int(m['m']) - 1]} {year(int(m['year']))}",
    ),
    (_rx(r"\b(?P<n>[1-4])(?P<kind>Q)'?(?P<year>\d{4}|\d{2})\b"), _part_of_year),
    (_rx(r"\b(?P<n>[12])(?P<kind>H)'?(?P<year>\d{4}|\d{2})\b"), _part_of_year),
    (re.compile(r"\b(?P<kind>[QH])(?P<n>[1-4])(?: ?'?(?P<year>\d{4}|\d{2}))?\b"), _part_of_year),
    (
        _rx(rf"{NOT_IN_NUMBER}(?P<year>\d{{1,4}}) ?[-–] ?(?=\d{{1,4}} ?(?-i:AD|BCE|BC|CE)\b)"),
        lambda m: f"{_years(int(m['year']))} to ",
    ),
    (
        re.compile(r"(?P<era>\bA\.?D\.? \d{1,4}) ?[-–] ?(?P<year>\d{1,4})\b"),
        lambda m: f"{m['era']} to {_years(int(m['year']))}",
    ),
    (AD_FIRST, _era),
    (
        _rx(
            r"(?<![\w.,/-])(?P<year>\d{1,4}) ?(?P<era>A\.D\.?|B\.C\.E\.?|B\.C\.?|C\.E\.?|"
            r"(?-i:AD|BCE|BC|CE))(?![\w])"
        ),
        _era,
    ),
    (_rx(r"(?<![\w.,/-])(?P<a>1\d\d0|20\d0)s ?[-–] ?'?(?P<b>(?:1\d|20)?\d0)s\b"), _decades),
    (_rx(r"(?<![\w.,/])(?P<year>1[1-9]\d|20\d)0 ?s\b"), _decade),
    (_rx(r"(?<![\w.,/$£€])(?P<tick>')?(?P<tens>[2-9])0s\b"), _short_decade),
    (_rx(r"(?<=\bmid)-(?=(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet|\w+teen ))"), " "),
    (
        _rx(
            r"(?<![\w.,/-])(?P<a>1[1-9]\d\d|20\d\d) ?[-–] ?(?P<b>\d{4}|\d{2})(?![\w/%°]"
            r"|[.,-]\d| (?:kg|km|m|g|lbs?|cm|mm)\b)"
        ),
        _year_range,
    ),
]
