"""Text to the symbols of an MMS voice: lower-case letters of one language and little else.

In the order of the published inference (fairseq's): romanised where the voice wants it, then in
lower case, then what the vocabulary lacks is left out.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from vivavoce.errors import MissingExtra
from vivavoce.models.vits.text.config import TextConfig
from vivavoce.text.multilingual.clean import with_numbers
from vivavoce.text.normalise import normalise

# The languages whose numbers we can say, by MMS' codes.
_NUMBERS = {
    "ara": "ar", "ces": "cs", "deu": "de", "fra": "fr", "hin": "hi", "hun": "hu", "ita": "it",
    "kor": "ko", "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "spa": "es", "tur": "tr",
}  # fmt: skip
_EXTRA = "vivavoce[romanise]"


def prepared(config: TextConfig, text: str) -> str:
    """Lower-case text of symbols that the voice knows, and of spaces.

    Raises MissingExtra for a voice that needs the romaniser, where a text is not in Latin letters.
    """
    if config.romanise and not text.isascii():
        text = romanised(text, config.language)
    text = text.lower()
    if config.language == "ron":
        text = text.replace("ț", "ţ")
    return text


def kept(config: TextConfig, text: str) -> str:
    """What the vocabulary has of a prepared text."""
    known = set(config.symbols)
    return "".join(c for c in text if c in known).strip()


def numbers_spoken(config: TextConfig, text: str) -> str:
    """Numbers as words, in the languages where we have words: MMS has seen no others."""
    if not any(c.isdigit() for c in text):
        return text
    if config.language == "eng":
        return normalise(text, "en").text
    code = _NUMBERS.get(config.language)
    return with_numbers(text.lower(), code) if code else text


def romanised(text: str, language: str) -> str:
    """Latin letters for every script. Raises MissingExtra."""
    return _romaniser().romanize_string(text, lcode=language or None)


@cache
def _romaniser() -> Any:
    """Some seconds to make, fast afterwards."""
    try:
        from uroman import Uroman  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra(
            "This voice reads Latin letters only, which needs the romaniser uroman.",
            f"Install it with: pip install '{_EXTRA}'",
        ) from error
    return Uroman()
