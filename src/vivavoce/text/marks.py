"""Pause marks in a text: `[pause 1.5s]` and `<break time="500ms"/>`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vivavoce.errors import TextError

LONGEST_PAUSE_S = 30.0
DEFAULT_PAUSE_S = 0.5
STRENGTHS = {
    "none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": DEFAULT_PAUSE_S, "strong": 1.0,
    "x-strong": 1.5,
}  # fmt: skip
"""Seconds for the words that SSML 1.1 allows in `<break strength="…"/>`."""

_LENGTH = r"[+-]?\d{1,20}(?:[.,]\d{0,20})?|[+-]?[.,]\d{1,20}"
_UNIT = r"milliseconds?|msecs?|ms|seconds?|secs?|s"
MARK = re.compile(
    rf"(?<!\\)\[\s{{0,9}}pause(?:\s{{0,9}}[:=\s]\s{{0,9}}(?P<n>{_LENGTH})\s{{0,9}}(?P<unit>{_UNIT})?)?"
    r"\s{0,9}\]"
    r"|(?<!\\)<break(?P<attributes>(?=[\s/>])[^<>]{0,200}?)/?>(?:\s{0,9}</break\s{0,9}>)?",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(
    r"\b(?P<name>time|strength)\s{0,9}=\s{0,9}[\"'“”]?(?P<value>[^\"'“”<>/]{0,99})", re.IGNORECASE
)
TIME = re.compile(rf"\s*(?P<n>{_LENGTH})\s*(?P<unit>{_UNIT})?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Stretch:
    """`text[start:end]` stands between two pause marks; `pause_s` is what the next one asks for.

    None: no mark follows, the text ends.
    """

    start: int
    end: int
    pause_s: float | None


def stretches(text: str) -> Iterator[Stretch]:
    """The text between its pause marks. A backslash before a mark makes it text.

    Raises TextError for a pause that is not from 0 to 30 s.
    """
    start = 0
    for mark in MARK.finditer(text):
        yield Stretch(start, mark.start(), seconds(mark))
        start = mark.end()
    yield Stretch(start, len(text), None)


def seconds(mark: re.Match[str]) -> float:
    """The pause that a match of MARK asks for. Raises TextError as `stretches` does."""
    attributes = mark["attributes"]
    if attributes is None:
        found = _seconds(mark["n"], mark["unit"]) if mark["n"] else DEFAULT_PAUSE_S
    else:
        found = _from_attributes(mark[0], attributes)
    return bounded(found, mark[0])


def bounded(pause_s: float, written: str) -> float:
    """Raises TextError, which quotes what was written, unless the pause is from 0 to 30 s."""
    if 0.0 <= pause_s <= LONGEST_PAUSE_S:
        return pause_s
    raise TextError(
        f"'{written}' asks for a pause of {pause_s:g} s.",
        f"Give 0 to {LONGEST_PAUSE_S:g} s, as in [pause 1.5s].",
    )


def _from_attributes(written: str, attributes: str) -> float:
    given = {a["name"].lower(): a["value"].strip() for a in ATTRIBUTE.finditer(attributes)}
    if "time" in given:
        length = TIME.fullmatch(given["time"])
        if length:
            return _seconds(length["n"], length["unit"])
    elif given.get("strength", "medium").lower() in STRENGTHS:
        return STRENGTHS[given.get("strength", "medium").lower()]
    raise TextError(
        f"'{written}' has no valid duration.",
        'Write it as <break time="1.5s"/> or <break time="500ms"/>.',
    )


def _seconds(number: str, unit: str | None) -> float:
    value = float(number.replace(",", "."))
    return value / 1000 if (unit or "s").lower().startswith("m") else value
