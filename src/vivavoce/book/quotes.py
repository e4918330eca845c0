"""Who speaks which words of a chapter, by its quotation marks. A rule, and no guess.

What stands in quotation marks is spoken by somebody; by whom, names in the same paragraph say:
`“…,” said Ann`, `Ann asked: “…”`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

DOUBLE = {"“": "”", "„": "“”", "«": "»", "»": "«", "「": "」", "『": "』", '"': '"'}
SINGLE = {"‘": "’"}
"""Of British books, where a chapter has no double ones. The apostrophe closes nothing."""

_BEFORE = "([{—–-“„«‘\"'"
_ELIDED = ("n", "tis", "twas", "em", "cause", "til", "bout", "ere", "round")
SPEECH = (
    "said|says|asked|asks|replied|answered|cried|shouted|whispered|called|muttered|added|"
    "exclaimed|murmured|continued|began|sagte|fragte|rief|antwortete|flüsterte|meinte|dit|demanda|"
    "répondit|cria|dijo|preguntó|respondió|gritó|disse|chiese|rispose|perguntou|zei|vroeg"
)


@dataclass(frozen=True)
class QuotedPart:
    """A part of a paragraph, in quotation marks or not."""

    text: str
    quoted: bool


def stretches(paragraphs: Sequence[str]) -> list[list[QuotedPart]]:
    """Each paragraph in parts. A quotation that is not closed ends with its paragraph: where it
    goes on, the next one begins with a quotation mark.
    """
    marks = DOUBLE if any(set(DOUBLE) & set(text) for text in paragraphs) else SINGLE
    return [_parted(text, marks) for text in paragraphs]


def speaker_of(parts: Sequence[QuotedPart], names: Collection[str]) -> str:
    """The name beside a verb of speaking in what is not quoted; empty where there is none."""
    if not names:
        return ""
    any_of = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    pattern = re.compile(
        rf"\b(?:{SPEECH})\s+(?P<after>{any_of})\b|\b(?P<before>{any_of})\s+(?:\w+ly\s+)?(?:{SPEECH})\b"
    )
    for part in parts:
        found = None if part.quoted else pattern.search(part.text)
        if found:
            return found["after"] or found["before"]
    return ""


def _parted(text: str, marks: dict[str, str]) -> list[QuotedPart]:
    parts: list[QuotedPart] = []
    begin, closing = 0, ""
    for place, character in enumerate(text):
        if closing:
            if character in closing and not _is_apostrophe(text, place):
                parts.append(QuotedPart(text[begin : place + 1], True))
                begin, closing = place + 1, ""
        elif character in marks and _opens(text, place):
            parts.append(QuotedPart(text[begin:place], False))
            begin, closing = place, marks[character]
    parts.append(QuotedPart(text[begin:], bool(closing)))
    return [part for part in parts if part.text]


def _opens(text: str, place: int) -> bool:
    """Behind a space, a bracket, a dash or another quotation mark; never within a word."""
    before = text[place - 1 : place]
    return (not before or before.isspace() or before in _BEFORE) and not _is_elision(text, place)


def _is_apostrophe(text: str, place: int) -> bool:
    """Of ’ alone: between letters, or before a word that has lost its beginning."""
    if text[place] != "’":
        return False
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    within = before.isalnum() and after.isalnum()
    return within or _is_elision(text, place) or text[max(0, place - 2) : place] == "’n"


def _is_elision(text: str, place: int) -> bool:
    if text[place] not in "‘’":
        return False
    word = re.match(r"\w*", text[place + 1 :])
    return word is not None and word[0].lower() in _ELIDED
