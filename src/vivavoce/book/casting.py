"""Who reads a book: voices by chapter and for what stands in quotation marks, from a TOML file.

voice = "kathleen"                 # a speaker, a voice, a voice file or a table
[chapters."3-5"]                   # numbers as --plan counts, or a title
voice = { ref = "me.wav", transcript = "Words of the recording." }
speed = 0.95
[dialogue]
voice = "ann"                      # all text in quotation marks
[dialogue.characters]
Ann = "ann.safetensors"            # “…,” said Ann
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vivavoce import config
from vivavoce.book.overview import numbers
from vivavoce.book.quotes import speaker_of, stretches
from vivavoce.book.types import Book, Chapter, Paragraph
from vivavoce.config import from_dict
from vivavoce.errors import ConfigError, UsageError
from vivavoce.text.check import has_sound

WITHIN_S = 0.12
"""Silence between the words of two speakers within a paragraph: that of a clause."""


@dataclass(frozen=True)
class Reader:
    """A voice by name or file, or a recording with its words, and how fast it reads.

    All fields empty stand for the voice that reads the rest of the book.
    """

    voice: str = ""
    ref: str = ""
    transcript: str = ""
    speed: float = 1.0


NARRATOR = Reader()


@dataclass(frozen=True)
class Casting:
    """`chapters` are readers by the number of the chapter; `characters` by name."""

    narrator: Reader = NARRATOR
    chapters: Mapping[int, Reader] = field(default_factory=dict)
    dialogue: Reader | None = None
    characters: Mapping[str, Reader] = field(default_factory=dict)

    def parts(
        self, number: int, chapter: Chapter
    ) -> list[tuple[Paragraph, list[tuple[str, Reader]]]]:
        """The paragraphs of a chapter, each as what one reader after the other says."""
        teller = self.chapters.get(number, self.narrator)
        if self.dialogue is None and not self.characters:
            return [(each, [(each.text, teller)]) for each in chapter.paragraphs]
        texts = [paragraph.text for paragraph in chapter.paragraphs]
        found = []
        for paragraph, parts in zip(chapter.paragraphs, stretches(texts), strict=True):
            name = speaker_of(parts, self.characters)
            quoted = self.characters.get(name, self.dialogue or teller)
            readers = [(part.text, quoted if part.quoted else teller) for part in parts]
            found.append((paragraph, _joined(readers)))
        return found


ONE_VOICE = Casting()


def read(path: str | Path, book: Book) -> Casting:
    """Files count from the folder of the TOML file. Raises ConfigError."""
    path = Path(path)
    table = config.read(path)
    known = {"voice", "speed", "chapters", "dialogue"}
    _require(table, known, f"{path}: ")
    folder = path.absolute().parent
    narrator = _reader(table, folder, f"{path}: ")
    chapters: dict[int, Reader] = {}
    for which, own in _table(table, "chapters", f"{path}: ").items():
        where = f"{path}: chapters.'{which}'."
        _require(own, {"voice", "speed"}, where)
        for number in _numbers(which, book, where):
            chapters[number] = _reader(own, folder, where)
    spoken = _table(table, "dialogue", f"{path}: ")
    where = f"{path}: dialogue."
    _require(spoken, {"voice", "speed", "characters"}, where)
    characters = {
        name: _reader({"voice": value}, folder, f"{where}characters.{name}: ")
        for name, value in _table(spoken, "characters", where).items()
    }
    dialogue = _reader(spoken, folder, where) if "voice" in spoken else None
    return Casting(narrator, chapters, dialogue, characters)


def _joined(parts: list[tuple[str, Reader]]) -> list[tuple[str, Reader]]:
    """Neighbours of one reader are one; what has no sound belongs to its neighbour."""
    found: list[tuple[str, Reader]] = []
    for text, reader in parts:
        if found and (found[-1][1] == reader or not has_sound(text)):
            found[-1] = found[-1][0] + text, found[-1][1]
        elif found and not has_sound(found[-1][0]):
            found[-1] = found[-1][0] + text, reader
        else:
            found.append((text, reader))
    return [(text.strip(), reader) for text, reader in found]


def _reader(table: Mapping[str, Any], folder: Path, where: str) -> Reader:
    """The keys `voice` and `speed` of a table."""
    voice = table.get("voice", {})
    given = {"voice": voice} if isinstance(voice, str) else voice
    if not isinstance(given, dict):
        raise ConfigError(f"{where}voice is {voice!r}.", "Give a name, a file or a table.")
    try:
        reader = from_dict(Reader, {"speed": table.get("speed", 1.0), **given})
    except ConfigError as error:
        raise ConfigError(f"{where}{error.message}", error.advice) from error
    if reader.speed <= 0:
        raise ConfigError(f"{where}speed is {reader.speed:g}.", "Give a number above 0.")
    if reader.voice and reader.ref:
        raise ConfigError(f"{where}voice has both a name and a ref.", "Give one of them.")
    name, ref = (_placed(folder, each) for each in (reader.voice, reader.ref))
    if reader.ref and not Path(ref).is_file():
        raise ConfigError(f"{where}there is no recording {ref}.", "Check the path.")
    return Reader(name, ref, reader.transcript, reader.speed)


def _placed(folder: Path, name: str) -> str:
    return str(folder / name) if name and (folder / name).is_file() else name


def _numbers(which: str, book: Book, where: str) -> list[int]:
    titled = [n for n, chapter in enumerate(book.chapters, 1) if chapter.title == which]
    if titled:
        return titled
    try:
        return numbers(which, len(book.chapters)) or []
    except UsageError as error:
        raise ConfigError(
            f"{where}: {error.message}", "Give numbers or a title; see --plan."
        ) from error


def _table(table: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{where}{name} is {found!r}; it must be a table.")
    return found


def _require(table: object, known: set[str], where: str) -> None:
    if not isinstance(table, dict):
        raise ConfigError(f"{where[:-1]} is not a table.")
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}{key} is not known.", f"Known: {', '.join(sorted(known))}.")
