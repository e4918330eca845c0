"""English rules for mathematical signs, arrows and Greek letters: what they mean, as it is said."""

from __future__ import annotations

import re

from vivavoce.text.normalise.rewriter import Rule

_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau upsilon phi chi psi omega"
)
GREEK = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _NAMES.split(), strict=True))
GREEK |= {"ϵ": "epsilon", "ϕ": "phi", "ϑ": "theta", "∆": "delta", "Ω": "ohm", "ς": "sigma"}
_GREEK = "α-ωΑ-Ω"

NAMED = {
    "≤": "less than or equal to", "⩽": "less than or equal to", "≥": "greater than or equal to",
    "⩾": "greater than or equal to", "≠": "is not equal to", "≈": "approximately",
    "≃": "is approximately", "≅": "is congruent to", "≡": "is identical to",
    "≪": "much less than", "≫": "much greater than", "∝": "is proportional to", "∞": "infinity",
    "√": "square root of", "∛": "cube root of", "∑": "sum of", "∏": "product of",
    "∫": "integral of", "∂": "partial", "∇": "nabla", "∈": "is in", "∉": "is not in",
    "⊂": "is a subset of", "⊆": "is a subset of", "∪": "union", "∩": "intersection",
    "∀": "for all", "∃": "there exists", "∴": "therefore", "∵": "because", "∅": "the empty set",
    "∧": "and", "∨": "or", "⊕": "plus", "∥": "is parallel to", "⊥": "is perpendicular to",
    "±": "plus or minus", "∓": "minus or plus", "→": "to", "←": "from", "⇒": "implies",
    "⇔": "if and only if", "↔": "to and from", "↑": "up", "↓": "down", "÷": "divided by",
    "∼": "about", "¶": "paragraph", "♭": "flat", "♮": "natural", "♯": "sharp",
}  # fmt: skip

LEFT = r"(?<=[\w)%°²³\"'])"
RIGHT = r"(?=[-+]?[\w.($£€√π])"

ANY = re.compile(r"[<>=+]|[/-].?[\dπ]|->|[²³] -")

# Before the numbers are read: what the signs say decides how.
RULES: list[Rule] = [
    (re.compile(r" ?(?:\+/-|\+-) ?(?=[\d.$£€])"), " plus or minus "),
    (re.compile(r" ?(?<![!=<>])(?:!=|=/=|<>)(?![=>]) ?"), " is not equal to "),
    (re.compile(r" ?(?<![=<>-])(?:<=|=<)(?![=>]) ?"), " less than or equal to "),
    (re.compile(r" ?(?<![=<>-])>=(?![=>]) ?"), " greater than or equal to "),
    (re.compile(r" ?(?<![-<])-{1,2}>(?!>) ?"), " to "),
    (re.compile(r" ?(?<![=<])=>(?!>) ?"), " implies "),
    (re.compile(rf"{LEFT} < {RIGHT}|(?<=[\w)])<(?=[-.]?\d)|(?<=\d)<(?=\w)"), " less than "),
    (re.compile(rf"{LEFT} > {RIGHT}|(?<=[\w)])>(?=[-.]?\d)|(?<=\d)>(?=\w)"), " greater than "),
    (re.compile(r"(?<![\w<>])< ?(?=[.$£€]?\d)"), "less than "),
    (re.compile(r"(?<![\w<>-])> ?(?=[.$£€]?\d)"), "more than "),
    (re.compile(r"(?<!\S)<(?!\S)"), "less than"),
    (re.compile(r"(?<!\S)>(?!\S)"), "greater than"),
    (re.compile(r"(?<=\d) ?/ ?(?=\d{1,9}(?:\.\d+)? ?=)"), " divided by "),
    (re.compile(r"(?<=[\w)²³]) - (?=\(?\w{1,9}[²³]?\)? ?=)"), " minus "),
    (re.compile(r"(?<=π) ?/ ?(?=\d)"), " over "),
    (re.compile(r"(?<=[\w)²³%]) \+ (?=[\w(√π$£€])"), " plus "),
]


def _greek(match: re.Match[str]) -> str:
    text, start, end = match.string, match.start(), match.end()
    name = GREEK.get(match[0]) or GREEK.get(match[0].lower(), match[0])
    before = " " if start and text[start - 1].isalnum() else ""
    return before + name + (" " if text[end : end + 1].isalnum() else "")


# After the numbers and units.
LATE: list[Rule] = [
    (re.compile("[" + "".join(NAMED) + "]"), lambda m: f" {NAMED[m[0]]} "),
    (re.compile(rf"(?<![{_GREEK}ά-ώ])[{_GREEK}ϵϕϑ∆](?![{_GREEK}ά-ώ])"), _greek),
]
