"""Texts as words that can be compared, in the ways that published numbers were made.

A number says nothing without the name of its normaliser: `don’t` and `don't` are one word in one
of them and two in another.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable

from vivavoce.errors import UsageError, near_misses
from vivavoce.text.normalise import normalise

Normaliser = Callable[[str, str], list[str]]
"""A text and its language (BCP 47) to words; in Chinese, Japanese and Thai to characters."""

# What the package zhon 2.1 calls punctuation; both published scripts remove it.
_WIDE = (
    "＂＃＄％＆＇（）＊＋，－．／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､\u3000、〃〈〉《》「」『』【】"
    "〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏﹑﹔·！？｡。"
)
_SEED_TTS = str.maketrans("", "", (_WIDE + string.punctuation).replace("'", ""))
_F5 = str.maketrans("", "", _WIDE + string.punctuation)
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "＇": "'"})
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_CHARACTERS = ("zh", "ja", "th")
"""Languages without spaces between words."""


def seed_tts(text: str, language: str) -> list[str]:
    """The script of seed-tts-eval: punctuation goes, but for the apostrophe '; numbers stay."""
    return _published(text.translate(_SEED_TTS), language)


def f5(text: str, language: str) -> list[str]:
    """The script of F5-TTS: all punctuation goes, the apostrophe too; numbers stay."""
    return _published(text.translate(_F5), language)


def ours(text: str, language: str) -> list[str]:
    """Apostrophes of one kind, numbers as words (English), no capitals, no punctuation."""
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    if base(language) == "en":
        text = normalise(text, "en").text
    words = _WORD.findall(text.casefold())
    return list("".join(words)) if base(language) in _CHARACTERS else words


NORMALISERS: dict[str, Normaliser] = {"seed-tts": seed_tts, "f5-tts": f5, "ours": ours}


def find(name: str) -> Normaliser:
    """Raises UsageError."""
    if name not in NORMALISERS:
        raise UsageError(f"No normaliser is called '{name}'.", near_misses(name, NORMALISERS))
    return NORMALISERS[name]


def base(language: str) -> str:
    """`zh` of zh-CN."""
    return language.lower().replace("_", "-").partition("-")[0]


def _published(text: str, language: str) -> list[str]:
    """Chinese character by character, all else in small letters. Other spaces are none."""
    if base(language) == "zh":
        return [c for c in text if c != " "]
    return [word for word in text.lower().split(" ") if word]
