"""Which of the 17 languages a text is in. Needs the extra `auto`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual.tables import LANGUAGES, NAMES


def detect(text: str, known: Iterable[str] = LANGUAGES) -> str:
    """The likeliest of the `known` languages; the first of them where the text has no words.

    A sentence is needed for a good guess: a word alone may belong to many. Raises MissingExtra.
    """
    codes = tuple(known)
    if len(codes) == 1:
        return codes[0]
    found = _detector(codes).detect_language_of(text)
    by_name = {NAMES[code].upper(): code for code in codes}
    return by_name[found.name] if found is not None else codes[0]


@cache
def _detector(codes: tuple[str, ...]) -> Any:
    try:
        from lingua import (  # pyright: ignore[reportMissingImports]
            Language,
            LanguageDetectorBuilder,
        )
    except ImportError as error:
        raise MissingExtra(
            "Language detection needs lingua.",
            "Name the language, or install it with: pip install 'vivavoce[auto]'",
        ) from error
    languages = [getattr(Language, NAMES[code].upper()) for code in codes]
    return LanguageDetectorBuilder.from_languages(*languages).build()
