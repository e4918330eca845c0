"""English names of numbers: cardinals, ordinals, years, decimals, digit strings.

Knows numbers only, not where they stand. "And" is said before the last two digits ("one hundred
and five"), tens and units are joined by a hyphen.
"""

from __future__ import annotations

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven",
    "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = (
    "zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy",
    "eighty", "ninety",
)  # fmt: skip
SCALES = [
    "",
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
]
IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip

# A written number: grouped or plain, with or without decimals; linear because runs never nest.
NUMBER = r"(?:(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)(?:\.\d+)?|(?<![\w.])\.\d+)"


def cardinal(n: int) -> str:
    """21 -> twenty-one. Numbers past the named scales are read digit by digit."""
    if n < 0:
        return "minus " + cardinal(-n)
    if n >= 1000 ** len(SCALES):
        return digits(str(n))
    if n == 0:
        return "zero"
    words: list[str] = []
    for power in range(len(SCALES) - 1, 0, -1):
        group = n // 1000**power % 1000
        if group:
            words += [below_thousand(group, joiner=""), SCALES[power]]
    rest = n % 1000
    if rest:
        words += ["and"] if words and rest < 100 else []
        words.append(below_thousand(rest, joiner="and "))
    return " ".join(words)


def ordinal(n: int) -> str:
    """21 -> twenty-first."""
    return to_ordinal(cardinal(n))


def to_ordinal(words: str) -> str:
    """Make the last word of a cardinal its ordinal."""
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return words[:cut] + last


def digits(text: str) -> str:
    """Every digit by its name; other characters are skipped."""
    return " ".join(SMALL[int(c)] for c in text if c in "0123456789")


def year(n: int) -> str:
    """1984 -> nineteen eighty-four, 1905 -> nineteen oh five, 2006 -> two thousand six."""
    century, rest = divmod(n, 100)
    if n < 100 or n >= 10000 or n % 1000 == 0:
        return cardinal(n)
    if 2000 < n < 2010:
        return "two thousand " + SMALL[n % 10]
    if rest == 0:
        return cardinal(century) + " hundred"
    return cardinal(century) + (" oh " if rest < 10 else " ") + cardinal(rest)


def short_year(two_digits: str) -> str:
    """05 -> zero five, "98" -> ninety-eight."""
    return digits(two_digits) if two_digits[0] == "0" else cardinal(int(two_digits))


def read(number: str) -> str:
    """A written number as words: "1,234.50" -> one thousand ... point five zero."""
    whole, point, fraction = number.replace(",", "").partition(".")
    if not point:
        return whole_number(whole)
    before = whole_number(whole) + " " if whole else ""
    return f"{before}point {digits(fraction)}"


def whole_number(text: str) -> str:
    """Leading zeros and more digits than anybody counts are read one by one."""
    if len(text) > 36 or (len(text) > 1 and text[0] == "0"):
        return digits(text)
    return cardinal(int(text))


def grouped_digits(text: str) -> str:
    """A code, room or house number: 105 -> one oh five, 321 -> three twenty-one, 2000 whole."""
    n = len(text)
    if text[0] == "0" or n > 4:
        return digits(text)
    if n < 3 or int(text) % 100 == 0:
        return cardinal(int(text))
    if n == 4:
        return year(int(text))
    return SMALL[int(text[0])] + (" oh " if text[1] == "0" else " ") + cardinal(int(text[1:]))


def plural(words: str) -> str:
    """Eighty -> eighties, half -> halves, third -> thirds."""
    if words.endswith("half"):
        return words[:-1] + "ves"
    if words.endswith("y") and words[-2:-1] not in set("aeiou"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("six", "s", "x")) else "s")


def below_thousand(n: int, joiner: str) -> str:
    """1 to 999; `joiner` ("and " or "") stands after the hundreds."""
    hundreds, rest = divmod(n, 100)
    words = f"{SMALL[hundreds]} hundred" if hundreds else ""
    if rest:
        words += f" {joiner}" if words else ""
        words += SMALL[rest] if rest < 20 else TENS[rest // 10]
        words += f"-{SMALL[rest % 10]}" if rest > 20 and rest % 10 else ""
    return words
