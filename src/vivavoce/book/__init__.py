"""Audiobooks: read a file as chapters, and speak them.

`vivavoce.book.read(path)` and `vivavoce.book.speak(tts, book, target)`; reading needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivavoce.book.markup import Reading
from vivavoce.book.reading import read
from vivavoce.book.types import Book, Chapter, Cover, Paragraph

if TYPE_CHECKING:
    from vivavoce.book.speaking import speak

__all__ = ["Book", "Chapter", "Cover", "Paragraph", "Reading", "read", "speak"]


def __getattr__(name: str) -> Any:
    if name == "speak":
        from vivavoce.book.speaking import speak

        return speak
    raise AttributeError(f"module 'vivavoce.book' has no attribute '{name}'")
