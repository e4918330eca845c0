"""English rules for what is read by digits or letters: ISBN, ports, flights, formulas, verses."""

from __future__ import annotations

import re

from vivavoce.text.normalise.numbers import cardinal, digits, grouped_digits, read
from vivavoce.text.normalise.rewriter import Rule
from vivavoce.text.wordlists import words

ELEMENTS = words(
    """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br
    Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Nd Sm Eu Gd W Re Os Ir Pt Au
    Hg Tl Pb Bi Po At Rn Fr Ra Th U Pu
    """
)
DEGREES = words("BSc MSc DSc BA MA BEng MEng BPhil MPhil DPhil PhD BEd MEd LLB LLM MBChB BCom MRes")
BOOKS = (
    "Genesis|Exodus|Leviticus|Numbers|Deuteronomy|Joshua|Judges|Ruth|Samuel|Kings|Chronicles|Ezra|"
    "Nehemiah|Esther|Job|Psalms?|Proverbs|Ecclesiastes|Isaiah|Jeremiah|Lamentations|Ezekiel|Daniel|"
    "Hosea|Joel|Amos|Obadiah|Jonah|Micah|Nahum|Habakkuk|Zephaniah|Haggai|Zechariah|Malachi|Matthew|"
    "Mark|Luke|John|Acts|Romans|Corinthians|Galatians|Ephesians|Philippians|Colossians|"
    "Thessalonians|Timothy|Titus|Philemon|Hebrews|James|Peter|Jude|Revelation|Qur'?an|Koran"
)
SHORT_BOOKS = {
    "Gen": "Genesis", "Ex": "Exodus", "Exod": "Exodus", "Lev": "Leviticus", "Num": "Numbers",
    "Deut": "Deuteronomy", "Josh": "Joshua", "Judg": "Judges", "Sam": "Samuel",
    "Chron": "Chronicles",
    "Ps": "Psalm", "Pss": "Psalms", "Prov": "Proverbs", "Eccl": "Ecclesiastes", "Isa": "Isaiah",
    "Jer": "Jeremiah", "Ezek": "Ezekiel", "Dan": "Daniel", "Matt": "Matthew", "Mt": "Matthew",
    "Rom": "Romans", "Cor": "Corinthians", "Gal": "Galatians", "Eph": "Ephesians",
    "Phil": "Philippians", "Col": "Colossians", "Thess": "Thessalonians", "Tim": "Timothy",
    "Heb": "Hebrews", "Jas": "James", "Pet": "Peter", "Rev": "Revelation",
}  # fmt: skip
_ATOM = re.compile(r"([A-Z][a-z]?)(\d{0,3})")


def _by_groups(match: re.Match[str]) -> str:
    groups = [
        " ".join(cardinal(int(c)) if c.isdigit() else c for c in g)
        for g in re.findall(r"\w+", match["code"])
    ]
    return " ".join(match["name"]) + match["gap"] + ", ".join(groups)


def _port(match: re.Match[str]) -> str:
    host, port = match["host"], match["port"]
    said = " dot ".join(digits(group) for group in host.split(".")) if host[0].isdigit() else host
    return f"{said} port {cardinal(int(port)) if port.endswith('000') else digits(port)}"


def _formula(match: re.Match[str]) -> str | None:
    """CO2 -> C O two: element symbols and small numbers, at least one of them."""
    text = match[0]
    atoms = _ATOM.findall(text)
    if "".join(a + n for a, n in atoms) != text or not all(a in ELEMENTS for a, _ in atoms):
        return None
    if any(n and (n[0] == "0" or int(n) > 60) for _, n in atoms) or (
        len(atoms) == 1 and len(text) > 2
    ):
        return None
    return " ".join(" ".join(a) + (f" {cardinal(int(n))}" if n else "") for a, n in atoms)


def _named_number(match: re.Match[str]) -> str:
    return match["name"].rstrip() + " " + grouped_digits(match["n"])


def _lines(match: re.Match[str]) -> str:
    """The height of a picture: 1080p -> ten eighty p."""
    text = match["n"]
    if len(text) == 4:
        return f"{cardinal(int(text[:2]))} {cardinal(int(text[2:]))} {match['kind']}"
    return f"{grouped_digits(text)} {match['kind']}"


def _verse(match: re.Match[str]) -> str:
    last = f" to {cardinal(int(match['last']))}" if match["last"] else ""
    book = match["book"].rstrip(".")
    chapter, verse = cardinal(int(match["chapter"])), cardinal(int(match["verse"]))
    return f"{SHORT_BOOKS.get(book, book)} {chapter} {verse}{last}"


def _pressure(match: re.Match[str]) -> str | None:
    """120/80 is two readings, no fraction."""
    high, low = int(match["high"]), int(match["low"])
    before = match.string[max(0, match.start() - 40) : match.start()]
    if not (60 <= high <= 260 and 30 <= low < high and (low % 50 or _PRESSURE.search(before))):
        return None
    unit = " millimeters of mercury" if match["unit"] else ""
    return f"{cardinal(high)} over {cardinal(low)}{unit}"


def _out_of(match: re.Match[str]) -> str | None:
    """A mark, no fraction: scored 95/100, 4/5 stars."""
    n, most = match["n"], int(match["of"])
    before = match.string[max(0, match.start() - 24) : match.start()]
    marked = _MARKED.search(before) or _STARS.match(match.string, match.end())
    return f"{read(n)} out of {cardinal(most)}" if marked and float(n) <= most else None


def _basis_points(match: re.Match[str]) -> str | None:
    """Hundredths of a percent; lines have never been as slow as so few bits per second."""
    n = int(match["n"])
    return f"{cardinal(n)} basis point{'s' if n != 1 else ''}" if n < 300 else None


def _joined_letters(match: re.Match[str]) -> str:
    return f"{' '.join(match['a'])} and {' '.join(match['b'])}"


_MARKED = re.compile(
    r"(?:scored?|scores|scoring|got|rated?|rate it|rated it|rating|rating of"
    r"|score of|gave (?:it|him|her)|mark of"
    r"|grade of|score:|rating:) (?:a |an )?\Z",
    re.IGNORECASE,
)
_STARS = re.compile(r" ?(?:stars?|points?|marks?)\b")
_PRESSURE = re.compile(r"pressure|\bBP\b|systolic|reading", re.IGNORECASE)

RULES: list[Rule] = [
    (
        re.compile(
            r"(?<![\w.,$£€])(?P<n>\d+(?:\.\d+)?)m (?=(?:people|homes|jobs|users|customers"
            r"|households|children|men|women|workers|tonnes|copies)\b(?!'))"
        ),
        lambda m: f"{read(m['n'])} million ",
    ),
    (
        re.compile(
            r"(?<![\w.,])(?P<n>\d{1,3})x (?=\d{1,5} ?[a-z]{1,3}\b|[a-z]+er\b|more|less|as |the )"
        ),
        lambda m: f"{read(m['n'])} times ",
    ),
    (re.compile(r"(?<![\w.,])(?P<n>\d{1,3}) ?bps\b"), _basis_points),
    (
        re.compile(
            r"\b(?P<name>ISBN|ISSN|IBAN|EAN|SKU)(?:-1[03])?(?P<gap>:? )"
            r"(?P<code>(?=[\w -]{0,40}\d)[0-9A-Z]{1,14}(?:[- ][0-9X]{1,9}){0,9})(?!\w)"
        ),
        _by_groups,
    ),
    (
        re.compile(
            r"(?<![\w./-])(?P<host>\d{1,3}(?:\.\d{1,3}){3}|localhost):(?P<port>\d{2,5})(?![\w:])"
        ),
        _port,
    ),
    (
        re.compile(
            r"(?<=\b[Dd]ial )\d{3}\b|(?<=\b[Cc]all )(?:911|999|112|111|101|[1-9]11)\b"
            r"|(?<=\b[Rr]ing )(?:999|112|111|101)\b"
        ),
        lambda m: digits(m[0]),
    ),
    (
        re.compile(
            r"(?<=\bPIN is )\d{3,8}\b|(?<=\b[Pp]asscode )\d{3,8}\b|(?<=\b[Pp]asscode is )\d{3,8}\b"
        ),
        lambda m: digits(m[0]),
    ),
    (
        re.compile(
            r"(?P<name>\b(?:[Ff]light [A-Z]{2} ?|(?:[Ff]light|Room|room|Suite|suite|Apartment|Flat"
            r"|Boeing|Airbus|Interstate) ))(?P<n>\d{3})\b(?![,.]\d| ?%)"
        ),
        _named_number,
    ),
    (
        re.compile(
            r"(?P<name>\b[Aa] |\b[Tt]he )(?P<n>7[0-8]7)(?=(?:-\d00)? "
            r"(?!people|men|women)[a-z]+(?<!s)\b|[.,!?])"
        ),
        _named_number,
    ),
    (
        re.compile(
            r"(?<![\w.,])(?P<n>144|240|360|480|576|720|1080|1440|2160|4320)(?P<kind>[pi])\b"
        ),
        _lines,
    ),
    (
        re.compile(
            r"(?<![\w.,/$£€-])(?P<high>\d{2,3})/(?P<low>\d{2,3})"
            r"(?P<unit> ?mm ?Hg\b)?(?![\w/-]|[.,]\d)"
        ),
        _pressure,
    ),
    (
        re.compile(
            r"(?<![\w.,/$£€-])(?P<n>\d{1,3}(?:\.\d)?)/(?P<of>5|10|20|50|100)(?![\w/-]|[.,]\d)"
        ),
        _out_of,
    ),
    (
        re.compile(
            rf"\b(?P<book>{BOOKS}|(?:{'|'.join(SHORT_BOOKS)})\b\.?) "
            rf"(?P<chapter>\d{{1,3}}):(?P<verse>\d{{1,3}})"
            rf"(?:[-–](?P<last>\d{{1,3}}))?(?![\d:])"
        ),
        _verse,
    ),
    (re.compile(r"(?<![\w-])(?=[A-Za-z]{0,6}\d)(?:[A-Z][a-z]?\d{0,2}){1,8}(?![\w-])"), _formula),
]

# These need no digit.
LETTERS: list[Rule] = [
    (re.compile(r"\bWW(?:II|2)\b"), "World War two"),
    (re.compile(r"\bWW(?:I|1)\b"), "World War one"),
    (re.compile(r"\bA/C\b"), "A C"),
    (re.compile(r"(?<![\w&])(?P<a>[A-Z]{1,3})&(?P<b>[A-Z]{1,3})(?![\w&;])"), _joined_letters),
    (
        re.compile(rf"\b(?P<degree>{'|'.join(sorted(DEGREES))})(?P<s>s?)\b"),
        lambda m: " ".join(m["degree"].upper()) + ("'s" if m["s"] else ""),
    ),
]
