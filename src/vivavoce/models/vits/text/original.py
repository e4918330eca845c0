"""The publication's cleaner before espeak: plain letters, lower case, abbreviations in words."""

from __future__ import annotations

import re
import unicodedata

from vivavoce.text.coqui_cleaners import ABBREVIATIONS, clean

_PLAIN = {
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "—": "--", "–": "-",
    "…": "...", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d",
}  # fmt: skip


def prepared(text: str) -> str:
    """English text as espeak-ng was given it in training."""
    marks = "".join(_PLAIN.get(c, c) for c in text.lower())
    letters = "".join(
        c for c in unicodedata.normalize("NFKD", marks) if not unicodedata.combining(c)
    )
    for short, word in ABBREVIATIONS["en"]:
        letters = re.sub(rf"\b{short}\.", word, letters)
    return clean(letters, "basic_cleaners")
