"""English phonemes in espeak's alphabet without espeak: our own pronunciations, spelt in IPA.

A substitute for voices that were trained on espeak's phonemes, under a permissive licence; espeak
knows more words.
"""

from __future__ import annotations

import logging
from functools import cache

from vivavoce.errors import MissingExtra
from vivavoce.text import arpabet, espeak
from vivavoce.text.normalise import normalise
from vivavoce.types import Tokens

logger = logging.getLogger(__name__)

_CONSONANTS = {
    "CH": "tʃ", "DH": "ð", "G": "ɡ", "HH": "h", "JH": "dʒ", "NG": "ŋ", "R": "ɹ", "SH": "ʃ",
    "TH": "θ", "Y": "j", "ZH": "ʒ",
}  # fmt: skip
_VOWELS = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AY": "aɪ", "EH": "ɛ", "ER": "ɜː",
    "EY": "eɪ", "IH": "ɪ", "IY": "iː", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "uː",
}  # fmt: skip
_UNSTRESSED = {"AH": "ə", "ER": "ɚ", "IY": "i"}
_STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}


def phonemise(text: str, language: str) -> str:
    """As `espeak.phonemise`, and for English without espeak-ng by our own pronunciations.

    Raises MissingExtra for other languages without espeak-ng, TextError for unknown ones.
    """
    try:
        return espeak.phonemise(text, language)
    except MissingExtra:
        if not is_english(language):
            raise
    say_substitute()
    return ipa(arpabet.encode(normalise(text, "en")))


def is_english(language: str) -> bool:
    return language.lower().split("-")[0].split("_")[0] == "en"


@cache
def say_substitute() -> None:
    """Once in a process."""
    logger.warning(
        "espeak-ng is not installed: English is read by vivavoce's own pronunciations, which know "
        "fewer words. pip install 'vivavoce[phonemes]' gives the voice what it was trained on."
    )


def ipa(tokens: Tokens) -> str:
    """The words' phonemes with the marks between them."""
    return "".join(piece for piece, _ in pieces(tokens)).strip()


def pieces(tokens: Tokens) -> list[tuple[str, int]]:
    """Each symbol in IPA, and the number of its word; marks and gaps have -1."""
    found: list[tuple[str, int]] = []
    for symbol, word in zip(tokens.ids, tokens.word_index, strict=True):
        name = arpabet.SYMBOLS[symbol]
        if name in (arpabet.PAD, arpabet.START, arpabet.END):
            continue
        spaced = f"{name} " if name in arpabet.MARKS else name
        found.append((spaced if word < 0 else _ipa(name), word))
    return found


def _ipa(phone: str) -> str:
    if not phone[-1].isdigit():
        return _CONSONANTS.get(phone, phone.lower())
    vowel, stress = phone[:-1], phone[-1]
    quality = _UNSTRESSED.get(vowel) if stress == "0" else None
    return _STRESS[stress] + (quality or _VOWELS[vowel])
