"""English rules for quantities with units: 12 kg, 5 km/h, 20 °C, 3-5 %, 6'2", 2x8 m²."""

from __future__ import annotations

import re

from vivavoce.text.normalise.nouns import describes
from vivavoce.text.normalise.numbers import NUMBER, cardinal, ordinal, plural, read
from vivavoce.text.normalise.rewriter import Rule

PREFIXED = {
    "m": ("meter", "n μ u m c d k"), "g": ("gram", "μ u m k"), "l": ("liter", "μ m c d"),
    "L": ("liter", "μ m c d"), "s": ("second", "n μ u m"), "Hz": ("hertz", "k M G T"),
    "W": ("watt", "m k M G T"), "Wh": ("watt-hour", "k M G T"), "V": ("volt", "m k"),
    "A": ("amp", "m μ"), "Ah": ("amp-hour", "m"), "J": ("joule", "k M"), "Pa": ("pascal", "h k M"),
    "B": ("byte", "k K M G T P"), "b": ("bit", "k M G T"), "bit": ("bit", "k M G T"),
    "cal": ("calorie", "k"), "N": ("newton", "k"), "Ω": ("ohm", "k M"), "F": ("farad", "n μ p"),
    "t": ("ton", "k M"), "bps": ("bit per second", "k M G T m"), "eV": ("electron volt", "k M G T"),
}  # fmt: skip
PREFIXES = {
    "n": "nano", "μ": "micro", "u": "micro", "m": "milli", "c": "centi", "d": "deci", "h": "hecto",
    "k": "kilo", "K": "kilo", "M": "mega", "G": "giga", "T": "tera", "P": "peta", "p": "pico",
}  # fmt: skip
UNITS = {
    "m": "meter", "g": "gram", "l": "liter", "L": "liter", "V": "volt", "W": "watt", "h": "hour",
    "Hz": "hertz", "Wh": "watt-hour", "Ah": "amp-hour", "bps": "bit per second", "cal": "calorie",
    "eV": "electron volt", "Ω": "ohm", "Pa": "pascal",
    "ft": "foot", "yd": "yard", "yds": "yard", "mi": "mile", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "gal": "gallon", "pt": "pint", "qt": "quart", "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "mmHg": "millimeter of mercury", "fl oz": "fluid ounce", "floz": "fluid ounce",
    "ha": "hectare", "min": "minute",
    "mins": "minute", "sec": "second", "secs": "second", "hr": "hour", "hrs": "hour",
    "yr": "year", "yrs": "year", "wk": "week", "wks": "week", "mos": "month",
    "mph": "mile per hour", "kph": "kilometer per hour", "kmh": "kilometer per hour",
    "kmph": "kilometer per hour", "mpg": "mile per gallon", "rpm": "revolution per minute",
    "fps": "frame per second", "psi": "P S I", "ppm": "part per million", "hp": "horsepower",
    "dB": "decibel", "dBA": "decibel A", "mcg": "microgram", "cc": "C C", "px": "pixel",
    "MP": "megapixel", "dpi": "D P I", "bpm": "beat per minute", "mbar": "millibar",
    "Mbit/s": "megabit per second", "kcal": "kilocalorie", "in²": "square inch",
    "km²": "square kilometer", "m²": "square meter",
    "m³": "cubic meter",
    "ft²": "square foot",
    "mi²": "square mile", "ft³": "cubic foot", "in³": "cubic inch",
    "°C": "degree Celsius", "°F": "degree Fahrenheit", "°K": "degree Kelvin", "°": "degree",
    "%": "percent", "‰": "per mille", "℃": "degree Celsius", "kn": "knot",
    "bhp": "brake horsepower", "pts": "point", "atm": "atmosphere",
    "lumens": "lumens", "nits": "nits", "mol": "mole", "Å": "angstrom",
    "gsm": "gram per square meter",
}  # fmt: skip
UNITS |= {
    f"{prefix}{unit}": f"{name} {whole}"
    for prefix, name in (("sq", "square"), ("cu", "cubic"))
    for unit, whole in {
        "ft": "foot", "in": "inch", "yd": "yard", "mi": "mile", "m": "meter", "km": "kilometer",
        "cm": "centimeter", "mm": "millimeter",
    }.items()
}  # fmt: skip
UNITS |= {p + u: PREFIXES[p] + name for u, (name, ps) in PREFIXED.items() for p in ps.split()}
UNITS |= {"MM": "millimeter", "KM": "kilometer", "CM": "centimeter", "KG": "kilogram",
          "Kg": "kilogram", "Km": "kilometer", "Kw": "kilowatt", "KW": "kilowatt",
          "KWH": "kilowatt-hour", "kwh": "kilowatt-hour", "ML": "milliliter", "MG": "milligram",
          "LBS": "pound", "Lbs": "pound", "FT": "foot", "Ft": "foot", "MPH": "mile per hour",
          "GHZ": "gigahertz", "MHZ": "megahertz", "KHZ": "kilohertz", "Ghz": "gigahertz",
          "Mhz": "megahertz", "khz": "kilohertz", "gb": "gigabyte", "mb": "megabyte",
          "kb": "kilobyte", "tb": "terabyte", "db": "decibel", "ms": "millisecond",
          "mbps": "megabit per second", "gbps": "gigabit per second",
          "kbps": "kilobit per second"}  # fmt: skip
UNCHANGED = {"percent", "per mille", "horsepower", "lumens", "nits"}
PER = {"s": "second", "sec": "second", "h": "hour", "hr": "hour", "min": "minute", "d": "day",
       "day": "day", "yr": "year", "year": "year", "week": "week"}  # fmt: skip
ABBREVIATED_FEET = {"foot": "feet", "inch": "inches"}

_NAMES = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_POWER = r"(?P<power>[²³]|\^?[23](?![\d.]))?"
_PER = "|".join(sorted({*PER, *(u for u in UNITS if u.isalpha())}, key=len, reverse=True))
UNIT = (
    rf"(?P<unit>{_NAMES}){_POWER}(?:/(?P<per>{_PER})(?P<perpower>[²³]|\^?[23])?)?"
    r"(?![\w°])(?:(?<=[a-z])\.(?= [a-z]))?"
)
FREE = r"(?<![\w.,])"
SCALE = r"(?P<scale> (?:hundred|thousand|million|billion|trillion))?"
MIXED = r"(?P<mixed> (?P<num>\d{1,2})/(?P<den>\d{1,2}))?"
FRACTIONS = {2: "half", 4: "quarter"}


def fraction(numerator: int, denominator: int) -> str:
    """3, 4 -> three quarters."""
    if denominator == 1:
        return f"{cardinal(numerator)} over one"
    name = FRACTIONS.get(denominator) or ordinal(denominator)
    return f"{cardinal(numerator)} {name if numerator == 1 else plural(name)}"


def mixed(whole: str, numerator: int, denominator: int) -> str:
    """2, 1, 2 -> two and a half."""
    part = fraction(numerator, denominator)
    if numerator == 1 and denominator > 1:
        part = "a " + part.partition(" ")[2]
    return f"{read(whole)} and {part}"


def unit_name(name: str, count_is_one: bool) -> str:
    """Meter -> meters, foot -> feet, mile per hour -> miles per hour."""
    if count_is_one or name in UNCHANGED or name.isupper() or name.endswith("hertz"):
        return name
    head, per, rest = name.partition(" of " if " of " in name else " per ")
    first, gap, last = (
        head.rpartition(" ") if head.startswith(("square", "cubic")) else ("", "", head)
    )
    if head.startswith("degree"):
        last = head.replace("degree", "degrees")
    else:
        last = ABBREVIATED_FEET.get(last) or plural(last)
    return first + gap + last + per + rest


def _unit(match: re.Match[str], one: bool) -> str:
    power = {"2": "square ", "3": "cubic ", "²": "square ", "³": "cubic "}
    name = power.get((match["power"] or "").lstrip("^"), "") + UNITS[match["unit"]]
    words = unit_name(name, one)
    if match["per"]:
        below = power.get((match["perpower"] or "").lstrip("^"), "")
        words += f" per {below}{PER.get(match['per']) or UNITS[match['per']]}"
    return words


def _measure(match: re.Match[str]) -> str | None:
    amount = match["amount"]
    if match["unit"] in {"h", "m", "g", "V", "W", "l", "L"} and match["gap"] == "-":
        return None
    if match["num"]:
        number = mixed(amount, int(match["num"]), int(match["den"]))
    else:
        number = read(amount) + (match["scale"] or "")
    one = (
        number == "one"
        or describes(match)
        or (match["gap"] == "-" and bool(_NEXT.match(match.string, match.end())))
    )
    return f"{number} {_unit(match, one=one)}{_tail(match)}"


def _stone(match: re.Match[str]) -> str:
    return f"{match['before'] or ''}{read(match['n'])} stone"


def _part(match: re.Match[str]) -> str | None:
    """3 1/2-inch -> three and a half inch, 5/8-inch -> five eighths inch."""
    numerator, denominator = int(match["num"]), int(match["den"])
    if denominator == 0:
        return None
    whole = match["whole"]
    return (
        mixed(whole, numerator, denominator) if whole else fraction(numerator, denominator)
    ) + " "


def _degrees(match: re.Match[str]) -> str:
    """12°30'15" N -> twelve degrees thirty minutes fifteen seconds north."""
    said = []
    for name in ("degree", "minute", "second"):
        if match[name]:
            number = read(match[name])
            said.append(f"{number} {name if number == 'one' else plural(name)}")
    return " ".join(said) + (f" {COMPASS[match['side']]}" if match["side"] else "")


def _part_of_unit(match: re.Match[str]) -> str | None:
    """3/4 lb -> three quarters of a pound."""
    unit = "inch" if match["inch"] else _unit(match, one=True)
    if unit in UNCHANGED or unit.isupper():
        return None
    part = fraction(int(match["num"]), int(match["den"]))
    article = "an" if unit[0] in "aeio" else "a"
    return f"half {article} {unit}" if part == "one half" else f"{part} of {article} {unit}"


def _tail(match: re.Match[str]) -> str:
    return " " if match.string[match.end() : match.end() + 1] == "&" else ""


def _range(match: re.Match[str]) -> str:
    return f"{read(match['first'])} to {read(match['amount'])} {_unit(match, one=False)}"


def _area(match: re.Match[str]) -> str | None:
    if match.string.startswith((" =", "="), match.end()):
        return None  # a product, not an area
    sides = [read(s) for s in re.split(r" ?[x×] ?", match["sides"], flags=re.IGNORECASE)]
    return " by ".join(sides) + (f" {_unit(match, one=describes(match))}" if match["unit"] else "")


def _per(match: re.Match[str]) -> str:
    unit = match["unit"]
    return f"{read(match['amount'])} per {PER.get(unit) or UNITS[unit]}"


def _lone(match: re.Match[str]) -> str:
    """A unit without a number: km/h, km²."""
    power = {"²": "square ", "³": "cubic "}.get(match["power"] or "", "")
    words, per = unit_name(power + UNITS[match["unit"]], False), match["per"]
    return words + (f" per {PER.get(per) or UNITS[per]}" if per else "")


def _feet(match: re.Match[str]) -> str:
    feet, inches = int(match["ft"]), match["in"]
    if float(inches) >= 12 and "'" in match[0]:  # 3'45" is a time
        return f"{cardinal(feet)} minute{'s' if feet != 1 else ''} {read(inches)} seconds"
    words = f"{cardinal(feet)} {'foot' if feet == 1 else 'feet'}"
    return f"{words} {read(inches)}{' inch' if inches == '1' else ' inches'}"


def _inches(match: re.Match[str]) -> str | None:
    """12" is inches unless the mark closes a quotation."""
    quoted = False
    for mark in _MARK.findall(match.string[max(0, match.start() - 200) : match.start()]):
        quoted = not quoted and len(mark) == 1
    if quoted:
        return None
    return _written_inches(match, bool(_SCREEN.match(match.string, match.end())))


def _written_inches(match: re.Match[str], describing: bool = False) -> str:
    if match["mixed"]:
        amount = mixed(match["amount"], int(match["num"]), int(match["den"]))
    else:
        amount = read(match["amount"])
    one = match["amount"] == "1" and not match["mixed"]
    return f"{amount} {'inch' if one or describing or describes(match) else 'inches'}"


_MARK = re.compile(r'\d?"')
_SCREEN = re.compile(
    r" (?:TV|LCD|LED|OLED|drill|wheel|tyre|tire|pizza|vinyl|floppy|single|record|paper|print)s?\b"
)
COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_NEXT = re.compile(r" [a-z]{3,}")
_WHOLE_UNITS = (
    "inch|foot|feet|mile|yard|ton|pound|ounce|cup|pint|gallon|acre|hour|year|page|size|length|time"
)
_DIMENSION = (
    r"(?:long|wide|tall|high|deep|thick|across|apart|in diameter"
    r"|of (?:rain|snow|water|soil|ice|mud))\b"
)

SIDES = rf"(?P<sides>{NUMBER}(?: ?[x×] ?{NUMBER}){{1,3}})"

RULES: list[Rule] = [
    (
        re.compile(
            rf"{FREE}(?:(?P<whole>\d{{1,4}})[ -])?(?P<num>\d{{1,3}})/(?P<den>\d{{1,3}})"
            rf"-(?=(?:{_WHOLE_UNITS})\b)"
        ),
        _part,
    ),
    (
        re.compile(
            r"(?P<before>\b[Ww]eigh(?:s|ed|ing)? (?:(?:about|over|under|nearly|just) )?)"
            r"(?P<n>\d{1,2}(?:\.5)?) st\b"
        ),
        _stone,
    ),
    (re.compile(rf"{FREE}(?P<before>)(?P<n>\d{{1,2}}) ?st(?= \d{{1,2}} ?lbs?\b)"), _stone),
    (
        re.compile(
            rf"{FREE}(?P<degree>{NUMBER})° ?(?:(?P<minute>\d{{1,2}}(?:\.\d{{1,4}})?)' ?"
            r"(?:(?P<second>\d{1,2}(?:\.\d{1,4})?)(?:\"|'') ?)?)(?P<side>[NSEW])?(?![\w])"
        ),
        _degrees,
    ),
    (
        re.compile(
            rf"{FREE}(?P<degree>{NUMBER}) ?° ?(?P<minute>(?!))?(?P<second>(?!))?"
            r"(?P<side>[NSEW])(?![\w])"
        ),
        _degrees,
    ),
    (
        re.compile(rf"(?<![\w.,/])(?P<amount>{NUMBER}){MIXED} ?in\.? (?={_DIMENSION})"),
        lambda m: _written_inches(m) + " ",
    ),
    (
        re.compile(
            r"(?<![\w.,])(?P<n>\d{1,3})A(?= (?:plug|fuse|socket|breaker|circuit|supply"
            r"|charger|current|battery|outlet|cable|adapt[eo]r)s?\b)"
        ),
        lambda m: f"{read(m['n'])} amp",
    ),
    (
        re.compile(r"(?P<unit>L|l|kg|g|kWh) ?/ ?100 ?km\b"),
        lambda m: f"{unit_name(UNITS[m['unit']], False)} per one hundred kilometers",
    ),
    (
        re.compile(
            rf"{FREE}(?<!\d )(?P<num>\d{{1,2}})/(?P<den>[2-9]|1\d|32|64)(?P<gap>[ -]?)"
            rf"(?:{UNIT}|(?P<inch>\"|in\b(?:\.(?= [a-z]))?|-in\b))"
        ),
        _part_of_unit,
    ),
    (
        re.compile(
            rf"{FREE}(?P<ft>\d{{1,3}})(?:'|ft\.?| ft\.?) ?(?P<in>\d{{1,2}}(?:\.\d)?)(?:\"|''"
            r"|in\b\.?| in\b\.?)"
        ),
        _feet,
    ),
    (re.compile(rf"{FREE}(?P<ft>[3-8])'(?P<in>\d|1[01])(?![\w'])"), _feet),
    (re.compile(r"(?<=\d)\" ?[x×] ?(?=[\d ./]{1,9}\")"), " by "),
    (re.compile(rf"{FREE}(?P<amount>{NUMBER}){MIXED}\"(?!\w)"), _inches),
    (
        re.compile(
            rf"(?<![\w.,/])(?P<amount>{NUMBER}){MIXED}"
            r"(?:in(?!\w)|-in\.? | in\.(?= |\Z)| in(?=[).,;]))"
        ),
        _written_inches,
    ),
    (re.compile(rf"{FREE}{SIDES} ?{UNIT}"), _area),
    (re.compile(rf"{FREE}{SIDES}(?P<unit>(?!))?(?![\w.])"), _area),
    (re.compile(rf"{FREE}(?P<first>{NUMBER}) ?(?:[-–]|to) ?(?P<amount>{NUMBER}) ?{UNIT}"), _range),
    (
        re.compile(
            rf"{FREE}(?P<amount>{NUMBER})/(?P<unit>km²|m²|mi²|m³|kg|lb|oz|km|day|hr|ha|min|year|week)(?!\w)"
        ),
        _per,
    ),
    (re.compile(rf"{FREE}(?P<amount>{NUMBER}){MIXED}{SCALE}(?P<gap>[ -]?){UNIT}"), _measure),
    (
        re.compile(
            rf"(?<![\w.,/])(?P<amount>{NUMBER})-(?=(?:(?:milli|centi|kilo|deci|nano|micro)?(?:meter"
            r"|metre|gram|liter|litre|mile|inch|foot|feet|pound|ounce|hour|minute|second|day"
            r"|week|month|year|bit|byte|watt|volt|degree)s?)\b)"
        ),
        lambda m: read(m["amount"]) + " ",
    ),
    (
        re.compile(r"(?<![\w.])(?P<a>\d{1,3})' ?[x×] ?(?P<b>\d{1,3})'(?!\w)"),
        lambda m: f"{read(m['a'])} feet by {read(m['b'])} feet",
    ),
    (
        re.compile(r"(?<![\w.])(?P<a>\d)x(?P<b>\d)s\b"),
        lambda m: f"{read(m['a'])} by {read(m['b'])}s",
    ),
    (re.compile(r"(?:(?<=meters)|(?<=inches)|(?<=feet)) ?[x×] ?(?=\d|[a-z]+ )"), " by "),
]

# Units that stand alone, without a number.
LONE: list[Rule] = [
    (
        re.compile(
            r"(?<![\w/.])(?<!\d )(?P<unit>km|cm|mm|m|mi|ft|kg|mg|g|L|l|ml)"
            r"(?:(?P<power>[²³])|(?=/))(?:/(?P<per>h|hr|s|min|kg|L|l|day|dl))?(?![\w/])"
        ),
        _lone,
    ),
]
