"""Text -> what XTTS reads, by language."""

from __future__ import annotations

from vivavoce.errors import TextError, near_misses
from vivavoce.text.multilingual.chinese import cleaned_chinese
from vivavoce.text.multilingual.clean import cleaned, tidy, without_broken
from vivavoce.text.multilingual.romanise import cleaned_japanese, romanised_korean
from vivavoce.text.multilingual.tables import LANGUAGES


def spoken(text: str, language: str) -> str:
    """Lower-case text in words and, for Chinese, Japanese and Korean, Latin letters.

    `language` is one of LANGUAGES, Chinese also as `zh`. Foreign capitals in words of numbers
    stay ("zwölf Komma fünf"), as in training. Raises TextError for another language, and
    MissingExtra where a text needs an optional dependency (numbers outside English, Hindi and
    Chinese; Chinese and Japanese characters); never for what a text holds.
    """
    language = "zh-cn" if language == "zh" else language
    if language not in LANGUAGES:
        message = f"Language {language!r} is not supported."
        raise TextError(message, near_misses(language, LANGUAGES))
    text = without_broken(text)
    if language == "zh-cn":
        return cleaned_chinese(text)
    if language == "ja":
        return tidy(cleaned_japanese(text))
    said = cleaned(text, language)
    return romanised_korean(said) if language == "ko" else said
