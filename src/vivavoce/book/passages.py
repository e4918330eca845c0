"""A book's passages: what is spoken at once, and the store of what has been spoken.

A passage is found by what decides its samples, not by where it stands. So an interrupted book goes
on with what is missing, and a changed paragraph is the only one that is spoken again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce import files
from vivavoce.audio import io
from vivavoce.book.types import Chapter, Paragraph
from vivavoce.errors import AudioError
from vivavoce.text.check import has_sound
from vivavoce.text.marks import MARK
from vivavoce.text.split import chunks
from vivavoce.types import Audio

LONGEST = 1200
"""Characters. Paragraphs that are longer are cut after a sentence: a killed process loses at most
the passage that it was speaking."""

_BRACKETS = str.maketrans("[]<>", "()()")


@dataclass(frozen=True)
class Passage:
    """Text, and the silence after it in seconds."""

    text: str
    pause_s: float

    @property
    def marked(self) -> str:
        """As the engine takes it; what looks like a pause mark in the book is text."""
        text = MARK.sub(lambda mark: mark[0].translate(_BRACKETS), self.text)
        return f"{text} [pause {self.pause_s:g}s]"


def passages(chapter: Chapter, paragraph_s: float | None = None) -> Iterator[Passage]:
    """Those of a chapter that hold something to say; `paragraph_s` replaces natural silences."""
    for paragraph in chapter.paragraphs:
        if not has_sound(paragraph.text):
            continue
        pieces = list(chunks(paragraph.text, LONGEST))
        for piece in pieces[:-1]:
            yield Passage(piece.text, piece.pause_s)
        yield Passage(pieces[-1].text, _pause(paragraph, paragraph_s))


def _pause(paragraph: Paragraph, asked_s: float | None) -> float:
    return asked_s if asked_s is not None and paragraph.kind == "text" else paragraph.pause_s


@dataclass(frozen=True)
class Spoken:
    """Samples `[S]` of a passage, and what should be known of them."""

    samples: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


class Store:
    """Passages as FLAC files of 16 bit in a folder, each complete or absent.

    `facts` is what decides the samples beside the text. What is damaged counts as missing.
    """

    def __init__(self, folder: Path, facts: Mapping[str, str]) -> None:
        self.folder = folder
        self._facts = dict(facts)

    def key(self, passage: Passage) -> str:
        """32 hexadecimal digits that name the passage."""
        facts = json.dumps(self._facts | {"text": passage.marked}, sort_keys=True)
        return hashlib.blake2b(facts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def __contains__(self, passage: Passage) -> bool:
        return self._path(passage).is_file()

    def get(self, passage: Passage, sample_rate: int) -> Spoken | None:
        """What was put for the passage; None where it is missing or damaged."""
        path = self._path(passage)
        if not path.is_file():
            return None
        try:
            audio = io.read(path)
        except (AudioError, OSError):
            return None
        if audio.findings or audio.sample_rate != sample_rate:
            return None
        note = files.read_json(path.with_suffix(".json"))
        warnings = note.get("warnings")
        known = tuple(map(str, warnings)) if isinstance(warnings, list) else ()
        return Spoken(np.asarray(audio.samples, np.float32), known)

    def put(self, passage: Passage, audio: Audio, warnings: tuple[str, ...]) -> None:
        """Raises OutputError."""
        path = self._path(passage)
        path.parent.mkdir(parents=True, exist_ok=True)
        if warnings:
            note = {"text": passage.text, "warnings": list(warnings)}
            files.write_text(path.with_suffix(".json"), json.dumps(note, ensure_ascii=False))
        io.write(path, audio)

    def _path(self, passage: Passage) -> Path:
        key = self.key(passage)
        return self.folder / key[:2] / f"{key}.flac"


@dataclass(frozen=True)
class Problem:
    """Something that a listener should know about a passage: it is left out, or doubtful."""

    chapter: str
    text: str
    reason: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 60 else f"{self.text[:60]}…"
        return f"{self.chapter}: '{shown}': {self.reason}"
