"""What would be read of a book, and for how long, before anything is spoken. No torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from vivavoce.book.types import Book, Chapter
from vivavoce.errors import UsageError

CHARACTERS_PER_S = 15.0
DENSE_PER_S = 5.0
"""Of scripts that write a syllable or a word with one character."""
FRAME_S = 2.25
"""Silence around a chapter."""

_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")
_RANGE = re.compile(r"\s*(\d{1,6})\s*(?:-\s*(\d{0,6})\s*)?")


def estimated_s(chapter: Chapter, speed: float = 1.0) -> float:
    """How long a chapter takes, from experience with natural voices; good to a fifth."""
    dense = len(_DENSE.findall(chapter.text))
    said_s = dense / DENSE_PER_S + (chapter.characters - dense) / CHARACTERS_PER_S
    return said_s / speed + sum(p.pause_s for p in chapter.paragraphs) + FRAME_S


def numbers(ranges: str | None, count: int) -> list[int] | None:
    """`3-5,9` as numbers; `7-` is to the end. Raises UsageError."""
    if ranges is None:
        return None
    found: list[int] = []
    for part in ranges.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise UsageError(f"'{part}' is not a list of chapters.", "Give numbers such as 3-5,9.")
        first = int(match[1])
        last = first if match[2] is None else int(match[2] or count)
        if not 1 <= first <= last <= count:
            raise UsageError(
                f"The book has no chapters {part.strip()}.", f"Choose 1 to {count}; see --plan."
            )
        found += range(first, last + 1)
    return sorted(set(found))


def overview(book: Book, chapters: Sequence[Chapter], speed: float = 1.0) -> dict[str, Any]:
    """The plan as plain data; texts and what is left out of them included."""
    seconds = [estimated_s(chapter, speed) for chapter in chapters]
    cover = book.cover
    return {
        "title": book.title,
        "authors": list(book.authors),
        "language": book.language,
        "cover": cover
        and {"type": cover.media_type, "sha256": hashlib.sha256(cover.data).hexdigest()},
        "words": sum(chapter.words for chapter in chapters),
        "estimated_s": round(sum(seconds), 1),
        "chapters": [
            {
                "number": book.chapters.index(chapter) + 1,
                "title": chapter.title,
                "level": chapter.level,
                "source": chapter.source,
                "language": chapter.language or book.language,
                "words": chapter.words,
                "estimated_s": round(length, 1),
                "paragraphs": [paragraph.text for paragraph in chapter.paragraphs],
                "skipped": [{"kind": s.kind, "text": s.text} for s in chapter.skipped],
            }
            for chapter, length in zip(chapters, seconds, strict=True)
        ],
        "left_out": [{"source": each.source, "reason": each.reason} for each in book.left_out],
    }
