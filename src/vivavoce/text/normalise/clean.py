"""Characters before words: controls, emoji and invisible marks go, look-alikes become one form.

Knows characters, not languages; only English folds quotes, widths and foreign digits.
"""

from __future__ import annotations

import re
import unicodedata

from vivavoce.text.normalise.rewriter import Rewriter

JOINERS = "\u200c\u200d"  # they decide letter shapes in Persian and Indic scripts
FOLDED = {
    "’": "'", "‘": "'", "‛": "'", "ʼ": "'", "′": "'", "´": "'", "“": '"', "”": '"', "„": '"',
    "‟": '"', "″": '"', "‐": "-", "‑": "-", "−": "-", "﹣": "-", "⁄": "/", "∕": "/", "№": "No. ",
    "º": "°", "˚": "°", "℃": "°C", "℉": "°F", "µ": "μ", "•": " ", "·": " ", "‒": "–", "―": "—",
}  # fmt: skip
SPOKEN_SYMBOLS = frozenset("°©®™+$<>|~^=`€£¥₩₹№℃℉✓′″♭♮")
COMBINED = re.compile("[^\\W\\d_][\u0300-\u036f]+")
MINUS = re.compile(r"(?<=[\w)²³%°]) ?− ?(?=[\w(√$£€.])")  # alone it is a sign, or a hyphen
HEADING = re.compile(r"^ ?#{1,6} ", re.MULTILINE)
LINE_BREAK = re.compile(r" ?(?<!\n)\n(?! ?\n) ?")
EDGES = re.compile(r"\A\s+|(?<!\s)\s+\Z")
BREAKS = re.compile(r" ?\n[ \n]*")
SPACES = re.compile(r"[^\S\n]+")


def clean(work: Rewriter, english: bool) -> None:
    """Drop what is never spoken and put each character into one form; English lines are joined."""
    if english and "−" in work.text:
        work.sub(MINUS, " minus ")
    table = {}
    for char in set(work.text):
        form = _form(char, english)
        if form != char:
            table[char] = form
    work.translate(table)
    work.sub(COMBINED, lambda m: unicodedata.normalize("NFC", m[0]))
    work.sub(SPACES, " ")
    if english:
        work.sub(HEADING, "")
        work.sub(LINE_BREAK, " ")


def _form(char: str, english: bool) -> str:
    if char in "\n\r\t\v\f\x85\u2028\u2029":
        return "\n" if char in "\n\u2028\u2029\x85" else " "
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category in {"Cc", "Cf", "Cs", "Co", "Cn"}:
        return char if char in JOINERS and not english else ""
    if char == "\ufffd" or 0xFE00 <= ord(char) <= 0xFE0F or 0x1F3FB <= ord(char) <= 0x1F3FF:
        return ""
    if english and char in FOLDED:
        return FOLDED[char]
    if category == "So" and char not in SPOKEN_SYMBOLS:
        return " "
    if not english:
        return char
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if "₀" <= char <= "₉":
        return str(unicodedata.digit(char))
    width = unicodedata.east_asian_width(char)
    if width == "F" or 0xFB00 <= ord(char) <= 0xFB06 or category == "Nl":
        return unicodedata.normalize("NFKC", char)
    return char


def tidy(work: Rewriter) -> None:
    """One space between words, at most one empty line between paragraphs, nothing at the ends."""
    work.sub(SPACES, " ")
    work.sub(BREAKS, lambda m: "\n\n" if m[0].count("\n") > 1 else "\n")
    work.sub(EDGES, "")
