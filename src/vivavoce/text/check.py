"""Is there anything to say? What cannot be said is named."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from vivavoce.errors import TextError

SPOKEN_MARKS = frozenset("%&@#+=°§©<>")  # with the currency signs, marks that have a name


def speakable(text: str) -> str:
    """The text with control characters and broken code points as spaces; its length is kept.

    Raises TextError when no letter, digit or named symbol is left to speak.
    """
    if not text:
        raise TextError("The text is empty.", "Give at least one word.")
    clean = cleaned(text)
    if has_sound(clean):
        return clean
    if not clean.strip():
        kind = "whitespace" if clean == text else "control characters"
        raise TextError(f"The text holds only {kind}.", "Give at least one word.")
    shown = " ".join(dict.fromkeys(clean.split()))[:20]
    raise TextError(
        f"The text holds only punctuation or emoji ({shown}).",
        "There is nothing to pronounce; give at least one word or number.",
    )


def cleaned(text: str) -> str:
    """The text with control characters and broken code points as spaces; its length is kept."""
    table = {ord(c): " " for c in set(text) if _is_control(c)}
    return text.translate(table) if table else text


def has_sound(text: str) -> bool:
    """Whether there is a letter, a digit or a mark with a name."""
    return any(map(_is_sound, set(text)))


def describe(characters: Iterable[str], limit: int = 8) -> str:
    """For a message: `й (CYRILLIC SMALL LETTER SHORT I), ...`."""
    known = [c for c in characters if len(c) == 1]
    names = [f"{c} ({unicodedata.name(c, f'U+{ord(c):04X}')})" for c in known[:limit]]
    return ", ".join(names) + (f" and {len(known) - limit} more" if len(known) > limit else "")


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Cn"} and char not in "\n\t\r"


def _is_sound(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Sc" or char in SPOKEN_MARKS
