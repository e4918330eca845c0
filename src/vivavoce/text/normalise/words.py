"""English rules for abbreviations, acronyms, initials, addresses, Roman numerals and symbols."""

from __future__ import annotations

import re

from vivavoce.text.normalise.measures import UNITS
from vivavoce.text.normalise.money import RATE_NAMES, RATES
from vivavoce.text.normalise.numbers import cardinal, digits, grouped_digits, ordinal, year
from vivavoce.text.normalise.rewriter import Rule
from vivavoce.text.normalise.tables import (
    DIRECTIONS,
    DOTTED,
    INNER_DOTS,
    NOT_PERSONS,
    NUMBERED,
    NUMBERED_THINGS,
    REGNAL,
    SPELLED,
    STATES,
    STREETS,
    WORDS,
)
from vivavoce.text.wordlists import STARTERS, words

ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\Z")
ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_TITLE = re.compile(
    r"(?:[Kk]ing|[Qq]ueen|[Pp]ope|[Ee]mperor|[Ee]mpress|[Tt]s[ae]r|[Pp]rince|[Ss]ultan|[.!?]|of|under"
    r"|by|after|when|and) \Z"
)
ENDS_SENTENCE = words(
    """
    etc inc Inc ltd Ltd Co Corp Jr jr Sr sr Esq Ave Blvd Rd St Bros al lbs oz ft hrs mins
    Jan Feb Aug Sept Sep Oct Nov Dec Mon Tues Wed Thurs Fri
    """
)


def roman(text: str) -> int | None:
    """XIV -> 14; None when it is not written as the Romans would."""
    if not text or not ROMAN.match(text):
        return None
    values = [ROMAN_VALUES[c] for c in text]
    following = [*values[1:], 0]
    return sum(-v if v < w else v for v, w in zip(values, following, strict=True))


def closing_dot(match: re.Match[str], may_end: bool = True) -> str:
    """Whether the dot of an abbreviation is also the full stop where a sentence ends with it."""
    rest = match.string[match.end() : match.end() + 14]
    if not rest.strip():
        return "."
    starts = re.match(r"[\"')\]]*\s+[\"'(]*([A-Z]\w*)", rest)
    return "." if may_end and starts and starts[1] in STARTERS else ""


def _dotted(match: re.Match[str]) -> str | None:
    word = DOTTED[match["word"]]
    return word + closing_dot(match, match["word"] in ENDS_SENTENCE)


def _inner(match: re.Match[str]) -> str | None:
    low = match[0].lower()
    word = INNER_DOTS.get(match[0]) or INNER_DOTS.get(low)
    if word is None:
        return None
    dot = "." if match[0].endswith(".") and not match.string[match.end() :].strip() else ""
    space = (
        " " if match[0].endswith("/") and not match.string[match.end() :].startswith(" ") else ""
    )
    return word + dot + space


def _numbered(match: re.Match[str]) -> str:
    word = NUMBERED[match["word"].lower()]
    return word.capitalize() if match["word"][0].isupper() else word


def _doctor(match: re.Match[str]) -> str:
    """Before a name a doctor, after one a drive."""
    return "Doctor" if match["word"][0] == "D" else "doctor"


def _saint_or_street(match: re.Match[str]) -> str | None:
    """Before a name a saint, else a street if a word stands before it."""
    following = (match["next"] or match["name"] or "").strip()
    if following and following not in STARTERS:
        return "Saint"
    if not match.string[match.start() - 2 : match.start()].strip() or (
        not match["next"] and match["name"]
    ):
        return None
    return "Street" + closing_dot(match)


def _address(match: re.Match[str]) -> str | None:
    number = match["number"]
    if match["name"].strip() in UNITS:
        return None  # "a 500 GB drive"
    name = re.sub(r"\b([NSEW])\.? (?=\S)", lambda m: DIRECTIONS[m[1]] + " ", match["name"], count=1)
    dot = closing_dot(match) if match["dot"] else ""
    house = grouped_digits(number) if "0" not in number[1:2] or len(number) != 3 else digits(number)
    if len(number) == 4 and number.endswith("00") and number[1] != "0":
        house = year(int(number))
    return f"{house} {name}{STREETS[match['kind'].lower()]}{dot}"


def _state(match: re.Match[str]) -> str:
    code = match["zip"]
    extra = f" {digits(code)}" if code else ""
    extra += f", {digits(match['four'])}" if match["four"] else ""
    return f"{STATES[match['state']]}{match['comma'] or ''}{extra}"


def _zip(match: re.Match[str]) -> str:
    return f"D C {digits(match['zip'])}"


def _initials(match: re.Match[str]) -> str:
    return match[0].replace(".", "")


def _single_initial(match: re.Match[str]) -> str | None:
    return None if match["next"] in STARTERS else match["letter"] + " "


def _letters_with_dots(match: re.Match[str]) -> str:
    letters = " ".join(match[0].replace(".", ""))
    return letters + closing_dot(match)


def _acronym(match: re.Match[str]) -> str | None:
    """FBI -> F B I. Words, shouted or pronounceable, stay as they are."""
    text, tail = match["caps"], match["tail"] or ""
    if text == "AM" and match.string[max(0, match.start() - 2) : match.start()] == "I ":
        return None
    if text in WORDS or (len(text) > 5 and text not in SPELLED):
        return None
    vowels = [c in "AEIOU" for c in text]
    unsayable = not any(vowels) and not (text[-1] == "Y" and len(text) > 2)
    odd = len(text) == 3 and vowels not in ([False, True, False], [True, True, False])
    if text not in SPELLED and not unsayable and not (odd and not _shouted(match)):
        return None
    if text not in SPELLED and _shouted(match):
        return None
    if tail == "s":  # "D V D's" is read as letters, "Ds" as a word
        tail = "'s"
    return " ".join(text) + tail


def _shouted(match: re.Match[str]) -> bool:
    """A neighbour in capitals that is an English word or long: the whole line is in capitals."""
    before = re.findall(r"[A-Za-z]+", match.string[max(0, match.start() - 16) : match.start()])[-1:]
    after = re.findall(r"[A-Za-z]+", match.string[match.end() : match.end() + 16])[:1]
    return any(len(w) > 1 and w.isupper() and (w in WORDS or len(w) > 5) for w in before + after)


def _thing_number(match: re.Match[str]) -> str | None:
    n = roman(match["roman"])
    return f"{match['thing']} {cardinal(n)}" if n else None


def _regnal(match: re.Match[str]) -> str | None:
    n, name = roman(match["roman"]), match["name"]
    if not n or n > 40 or (len(match["roman"]) == 1 and name not in REGNAL):
        return None
    if name in STARTERS:
        return None
    if (
        match["roman"] == "I"
        and not _titled(match)
        and re.match(
            r" (?:am|was|have|had|will|would|can|could|do|did"
            r"|[a-z]+ed|met|saw|went|think|know|went)\b",
            match.string[match.end() : match.end() + 12],
        )
    ):
        return None
    return f"{name} {cardinal(n)}" if name in NOT_PERSONS else f"{name} the {ordinal(n)}"


def _titled(match: re.Match[str]) -> bool:
    """Whether "Elizabeth I" is a monarch, not a name before "I": first, or behind a title."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    return not before.strip() or bool(_TITLE.search(before))


def _lower_roman(match: re.Match[str]) -> str | None:
    n = roman(match["roman"].upper())
    if not n or n > 200 or (match["roman"] == "i" and match["thing"][0].islower()):
        return None
    return f"{match['thing']} {cardinal(n)}"


def _century(match: re.Match[str]) -> str | None:
    n = roman(match["roman"])
    return ordinal(n) if n else None


def _lone_roman(match: re.Match[str]) -> str | None:
    n = roman(match[0])
    return cardinal(n) if n else None


def _alternatives(table: dict[str, str] | frozenset[str]) -> str:
    return "|".join(re.escape(w) for w in sorted(table, key=len, reverse=True))


EARLY: list[Rule] = [
    (
        re.compile(
            rf"(?<![\w/.])(?:{_alternatives(INNER_DOTS)})(?!\w)|(?<!\w)w/(?=\w{2})", re.IGNORECASE
        ),
        _inner,
    ),
    (re.compile(r"\bD\.?C\.?,? (?P<zip>\d{5})\b"), _zip),
    (
        re.compile(
            rf"(?<![\w.])(?P<word>{_alternatives(dict.fromkeys(NUMBERED, ''))})\.(?= ?[(#]?(?:\d"
            rf"|[IVX]{{1,5}}\b))",
            re.IGNORECASE,
        ),
        _numbered,
    ),
    (
        re.compile(
            r"(?<![\w.,])(?P<number>\d{1,5}) (?P<name>(?:[NSEW]\.? )?(?:"
            r"(?:[A-Z][\w']{0,20}|\d{1,3}(?:st|nd|rd|th)) ){1,4})(?P<kind>"
            rf"(?i:{'|'.join(STREETS)}))\b(?P<dot>\.?)",
        ),
        _address,
    ),
    (
        re.compile(
            rf"(?<=[a-z], )(?P<state>{'|'.join(STATES)})\b(?P<comma>,)?(?: (?P<zip>\d{{5}})"
            r"(?:-(?P<four>\d{4}))?)?(?!\w)"
        ),
        _state,
    ),
    (re.compile(r"\b(?P<word>[Dd]r)\b\.?(?= [A-Z])"), _doctor),
    (re.compile(r"(?<=[a-z] )Dr\b\.?(?![\w])"), "Drive"),
    (
        re.compile(r"\bSt\.(?!\w)(?=(?P<next> [A-Z]\w+)?)|\bSt(?=(?P<name> [A-Z]\w+))"),
        _saint_or_street,
    ),
    (re.compile(r"\bMr(?= [A-Z])"), "Mister"),
    (re.compile(r"\bMrs(?= [A-Z])"), "Missus"),
    (re.compile(r"\bMs(?= [A-Z])"), "Miz"),
    (re.compile(rf"(?<![\w.])(?<!\d )(?P<word>{_alternatives(DOTTED)})\.(?!\w)"), _dotted),
    (
        re.compile(
            rf"\b(?P<thing>{NUMBERED_THINGS}|{NUMBERED_THINGS.upper()})\.? "
            r"(?P<roman>[IVXLCM]{1,7})\b"
        ),
        _thing_number,
    ),
    (
        re.compile(
            rf"\b(?P<thing>{NUMBERED_THINGS}|{NUMBERED_THINGS.lower()}|pages)\.? "
            r"(?P<roman>[ivxlc]{1,7})(?![\w'])"
        ),
        _lower_roman,
    ),
    (re.compile(r"\b(?P<roman>[IVX]{1,5})(?= (?:century|centuries|c\.))"), _century),
    (re.compile(r"(?<=\w )vs\b\.?(?= \w)|(?<=[a-z] )v\.(?= [A-Z][a-z])"), "versus"),
    (re.compile(r"\bapprox(?= ?[~\d])"), "approximately"),
    (re.compile(r"\b[Cc]opyright ?(?:©|\([Cc]\)) ?"), "Copyright "),
    (re.compile(r"\bEst\.(?= (?:in )?1[5-9]\d\d\b| (?:in )?20\d\d\b)"), "Established"),
    (re.compile(r"\bPop\.(?= ?\d)"), "Population"),
    (re.compile(r"\bN°(?= ?\d)"), "Number"),
    (re.compile(r"\bMt(?= [A-Z][a-z])"), "Mount"),
    (
        re.compile(
            r"\b(?P<word>Prof|Lt|Gen|Col|Capt|Sgt|Maj|Cpl|Insp|Supt|Rev)"
            r"(?= (?!Alpha\b)(?:[A-Z][a-z]{2,}|Col|Gen|[A-Z]\. ))"
        ),
        lambda m: DOTTED[m["word"]],
    ),
    (
        re.compile(r"(?<=\d km )(?P<side>[NSEW])(?= of\b)"),
        lambda m: DIRECTIONS[m["side"]].lower(),
    ),
    (re.compile(r"\b1,?000s(?= of\b)"), "thousands"),
    (re.compile(r"(?<=\d(?:th|st|nd|rd) )c\.(?! ?\d)"), "century"),
    (re.compile(r"\b100s(?= of\b)"), "hundreds"),
    (re.compile(r"\b10s(?= of\b)"), "tens"),
    (re.compile(r"\bLat\.(?= ?\d)"), "Latitude"),
    (re.compile(r"\bLong\.(?= ?\d)"), "Longitude"),
    (re.compile(r"\b(?P<name>[A-Z][a-z]{2,14}) (?P<roman>[IVX]{1,6})\b(?!'(?!s\b))"), _regnal),
    (
        re.compile(r"(?<![\w.-])(?=[IVX]*[IV])(?:[VX]I{1,3}|XI?[IVX]{1,4}|IV|IX)(?![\w-])"),
        _lone_roman,
    ),
]

LATE: list[Rule] = [
    (
        re.compile(
            r"\b(?:[A-Za-z]\.){2,8}(?:[A-Za-z]\b(?!\.))?(?=\W|\Z)|\b[A-Za-z]\.[A-Za-z]\b"
            r"(?![.\w])"
        ),
        _letters_with_dots,
    ),
    (re.compile(r"\b(?:[A-Z]\. ){2,5}(?=[A-Z][a-z])"), _initials),
    (re.compile(r"\b(?P<letter>[A-Z])\. ?(?=(?P<next>[A-Z][a-z]+))"), _single_initial),
    (re.compile(r"(?<![\w'&])(?P<caps>[A-Z]{2,8})(?P<tail>'?s)?(?![\w&])"), _acronym),
    (re.compile(r"\b(?:tv|Tv)(?P<s>s|'s)?\b"), lambda m: "T V" + (m["s"] or "")),
    (re.compile(r"(?<![\w/])&(?=\w)|(?<=\w)&(?!\w)"), lambda m: " and "),
    (re.compile(r" ?& ?"), " and "),
    (re.compile(r"(?<!\w)#(?=\w)"), lambda m: "hash "),
    (re.compile(r"(?<=\b[A-G])#(?!\w)"), " sharp"),
    (re.compile(r"#"), " hash "),
    (re.compile(r"(?<=\w) ?²"), " squared"),
    (re.compile(r"(?<=\w) ?³"), " cubed"),
    (re.compile(r"@"), " at "),
    (re.compile(r"%"), " percent"),
    (re.compile(r"°"), " degree "),
    (re.compile(r"(?<=\w)\$| ?\$(?=\$)"), " dollar "),
    (re.compile(r"\$"), " dollar "),
    (re.compile(r"€"), " euro "),
    (re.compile(r"£"), " pound "),
    (re.compile(r"₩"), " won "),
    (re.compile(r"¥"), " yen "),
    (re.compile(r"₹"), " rupee "),
    (re.compile(r"(§)?§"), lambda m: " sections " if m[1] else " section "),
    (re.compile(r"©"), " copyright "),
    (re.compile(r"[®™]"), ""),
    (re.compile(r"(?<![\w/])(?<!about )~ ?(?=[a-z])"), "about "),
    (re.compile(r" ?={1,3} ?(?=\S)(?!=)"), " equals "),
    (re.compile(r"(?<=\w)\+\+"), " plus plus"),
    (re.compile(r"\+(?=\w)|(?<=\w)\+"), " plus "),
    (re.compile(r"(?<=\w) ?× ?(?=\w)"), " by "),
    (re.compile(r"(?<=\b[A-Z])/(?=[A-Z]\b)|(?<=[A-Z]{2})/(?=[A-Z]{2})"), " "),
    (
        re.compile(rf"(?<=[a-z]s)\.?/(?P<rate>{RATE_NAMES})\b"),
        lambda m: f" per {RATES[m['rate']]}",
    ),
    (re.compile(r"(?<=\w) ?[/⁄] ?(?=\w)|(?<=\w)/"), " slash "),
    (re.compile(r"/"), " slash "),
    (re.compile(r"[*_`|\\^~<>={}¬¦¤]+"), " "),
]
