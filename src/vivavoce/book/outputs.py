"""Where an audiobook goes: one m4b file with chapters, or a folder with a file per chapter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce import files
from vivavoce.audio import formats, media
from vivavoce.audio.encode import Encoding
from vivavoce.audio.io import StreamWriter
from vivavoce.book import captions, m4b
from vivavoce.book.captions import Cue
from vivavoce.book.mastering import Master
from vivavoce.book.types import Book
from vivavoce.errors import OutputError, UsageError

ONE_FILE = ("m4b", "m4a", "mp4")
DEFAULT_FORMAT = "flac"
LONGEST_NAME = 60

Samples = Iterator[NDArray[np.float32]]


@dataclass(frozen=True)
class Track:
    """A chapter of the audiobook: where it begins and ends, in seconds of the whole.

    `number` is that of the chapter in the book, from 1.
    """

    number: int
    title: str
    start_s: float
    end_s: float


class Output(Protocol):
    """A place that an audiobook is written to."""

    def write(
        self, book: Book, tracks: Sequence[Track], chapters: Iterable[Samples], sample_rate: int
    ) -> list[Path]:
        """Writes everything; the paths of the audio files."""
        ...

    def subtitles(
        self, tracks: Sequence[Track], cues: Sequence[Cue], kinds: Sequence[str]
    ) -> list[Path]:
        """Writes subtitles beside the audio files; their paths."""
        ...


def find(
    target: Path,
    format: str | None,  # noqa: A002 - the word everybody uses
    master: Master | None = None,
    chapters: int = 1,
) -> Output:
    """By the suffix: .m4b is one file, anything else a folder.

    Raises UnknownFormat, UsageError, MissingExtra, OutputError for what cannot be written.
    """
    suffix = target.suffix.lower().removeprefix(".")
    if suffix in ONE_FILE:
        if format not in (None, *ONE_FILE):
            raise UsageError(
                f"{target.name} is one file, and --format {format} is for a file per chapter.",
                "Name a folder, or leave --format out.",
            )
        media.require_av()
        if target.is_dir():
            raise OutputError(f"{target} is a folder.", "Name a file in it.")
        return OneFile(target)
    if suffix in formats.FORMATS and not target.is_dir():
        raise UsageError(
            f"{target.name} would be one file without chapters.",
            f"Name a file that ends in .m4b, or a folder with --format {suffix}.",
        )
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file.", "Name another folder.")
    found = formats.find(target, format or DEFAULT_FORMAT)
    if found.media:
        media.require_av()
    return Folder(target, found.name, master or Master(), max(2, len(str(chapters))))


@dataclass(frozen=True)
class OneFile:
    """MPEG-4 audio with chapters, cover and tags."""

    target: Path

    def write(
        self, book: Book, tracks: Sequence[Track], chapters: Iterable[Samples], sample_rate: int
    ) -> list[Path]:
        with files.atomic_path(self.target) as path:
            pieces = (samples for chapter in chapters for samples in chapter)
            m4b.write(path, book, tracks, pieces, sample_rate)
        return [self.target]

    def subtitles(
        self, tracks: Sequence[Track], cues: Sequence[Cue], kinds: Sequence[str]
    ) -> list[Path]:
        paths = [self.target.with_suffix(f".{kind}") for kind in kinds]
        for path, kind in zip(paths, kinds, strict=True):
            files.write_text(path, captions.written(cues, kind))
        return paths


@dataclass(frozen=True)
class Folder:
    """Files named `01-the-mill.flac`, and the cover beside them. Other files there stay."""

    target: Path
    format: str
    master: Master
    digits: int = 2

    def write(
        self, book: Book, tracks: Sequence[Track], chapters: Iterable[Samples], sample_rate: int
    ) -> list[Path]:
        try:
            self.target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"Cannot make {self.target}: {error.strerror}.", "Choose another folder."
            ) from error
        paths = []
        for track, chapter in zip(tracks, chapters, strict=True):
            path = self.target / f"{self._name(track)}.{self.format}"
            encoding = Encoding(self.master.bit_rate, tags(book, track))
            rate = self.master.sample_rate
            how = StreamWriter(path, sample_rate, self.format, file_rate=rate, encoding=encoding)
            with how as writer:
                for samples in chapter:
                    writer.write(samples)
            paths.append(path)
        if book.cover:
            suffix = book.cover.media_type.partition("/")[2]
            files.write_bytes(self.target / f"cover.{suffix}", book.cover.data)
        return paths

    def subtitles(
        self, tracks: Sequence[Track], cues: Sequence[Cue], kinds: Sequence[str]
    ) -> list[Path]:
        paths = []
        for track in tracks:
            own = [cue for cue in cues if cue.chapter == track.number]
            for kind in kinds:
                path = self.target / f"{self._name(track)}.{kind}"
                files.write_text(path, captions.written(own, kind, track.start_s))
                paths.append(path)
        return paths

    def _name(self, track: Track) -> str:
        return f"{track.number:0{self.digits}}-{slug(track.title)}"


def tags(book: Book, track: Track) -> dict[str, str]:
    """Of one chapter's file."""
    found = {
        "title": track.title,
        "album": book.title,
        "artist": ", ".join(book.authors),
        "tracknumber": str(track.number),
        "date": book.date[:4],
        "genre": "Audiobook",
        "comment": "Read by a synthetic voice (vivavoce).",
    }
    return {name: " ".join(value.split()) for name, value in found.items() if value.strip()}


def slug(title: str) -> str:
    """A title as a file name that every system takes; letters of all scripts stay."""
    plain = unicodedata.normalize("NFC", title).casefold()
    return re.sub(r"[\W_]+", "-", plain).strip("-")[:LONGEST_NAME].strip("-") or "chapter"
