"""Text to the symbols of a Piper voice: clauses, phonemes of our own in brackets, the voice's map.

Follows what Piper does with each sentence; where its patched espeak-ng tells the mark that ended a
clause, here the text itself does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from vivavoce.errors import MissingExtra, TextError
from vivavoce.models.vits.text import english
from vivavoce.models.vits.text.config import END, PAD, START, PiperText
from vivavoce.text import arpabet, espeak
from vivavoce.text.normalise import normalise
from vivavoce.text.split import word_spans
from vivavoce.types import Tokens

RAW = re.compile(r"\[\[([^\[\]]*)\]\]")
_ELLIPSIS = re.compile(r"\.{2,}|…")
_MARK = re.compile(r"([.?!,:;—–])[\s\"'“”‘’«»()\[\]{}¡¿]*$")
_SPOKEN_MARKS = {
    ",": ", ", ":": ": ", ";": "; ", "—": "; ", "–": "; ", ".": ".", "?": "?", "!": "!",
}  # fmt: skip
_ENDS = (".", "?", "!")
# Neither of Piper's maps has these; they have their parts.
_LIGATURES = {"ʤ": "dʒ", "ʧ": "tʃ", "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ʥ": "dʑ", "g": "ɡ"}


def spellings() -> dict[str, str]:
    """How texts write the marks that voices know, each with the mark that is spoken."""
    return {written: spoken.strip() for written, spoken in _SPOKEN_MARKS.items()} | {"…": "."}


@dataclass
class Said:
    """Phonemes as they come: `pieces` are `(phonemes, number of the word or -1)`."""

    pieces: list[tuple[str, int]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(phonemes for phonemes, _ in self.pieces)

    def space(self) -> None:
        if self.pieces and not self.pieces[-1][0].endswith(" "):
            self.pieces.append((" ", -1))


@dataclass
class SpokenText:
    """A text being read: its sentences, and its words with their places in it."""

    sentences: list[Said] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def word(self, text: str, start: int) -> int:
        self.words.append(text)
        self.starts.append(start)
        return len(self.words) - 1


def read(rules: PiperText, language: str, text: str) -> SpokenText:
    """The sentences of `text` in phonemes, as Piper would synthesise them one by one.

    Raises MissingExtra without espeak-ng, but for English.
    """
    reading, running, place = SpokenText(), Said(), 0
    spaced = False  # the text has a space behind the last block of phonemes
    for match in [*RAW.finditer(text), None]:
        part = text[place : match.start() if match else len(text)]
        if part.strip():
            if spaced and part[:1].isspace():
                running.space()
            for said, ends in _clauses(rules, language, part, place, reading):
                running.pieces += said.pieces
                if ends:
                    reading.sentences.append(running)
                    running = Said()
        if match is None:
            break
        if not running.pieces and reading.sentences:
            running = reading.sentences.pop()
        if part[-1:].isspace():
            running.space()
        raw = match[1].strip()
        running.pieces.append((raw, reading.word(raw, match.start())))
        place, spaced = match.end(), True
    if running.pieces:
        reading.sentences.append(running)
    return reading


def _clauses(
    rules: PiperText, language: str, part: str, offset: int, reading: SpokenText
) -> Iterator[tuple[Said, bool]]:
    """Each clause of a text without brackets, and whether a sentence ends with it."""
    if rules.phoneme_type == "text":
        yield _letters(part, offset, reading), False
        return
    try:
        clauses = espeak.clauses(part, language)
    except MissingExtra:
        if not english.is_english(language):
            raise
        english.say_substitute()
        yield _own_english(part, offset, reading), False
        return
    for phonemes, start, end in clauses:
        source = part[start:end]
        found = _MARK.search(source)
        mark = _SPOKEN_MARKS[found[1]] if found else ""
        said = Said()
        for word, number in _owned(phonemes, source, offset + start, language, reading):
            said.space()
            said.pieces.append((word, number))
        if mark and said.pieces:
            said.pieces.append((mark, -1))
        elif source[-1:].isspace() and end < len(part):
            said.space()
        if said.pieces:
            yield said, mark in _ENDS


def _owned(
    phonemes: str, source: str, offset: int, language: str, reading: SpokenText
) -> list[tuple[str, int]]:
    """The clause's words in phonemes, each with the number of the written word it is read from."""
    spoken, spans = phonemes.split(), word_spans(source)
    if not spoken:
        return []
    if not spans:
        spans = [(0, len(source))]
    owners = _owners(spoken, [source[a:b] for a, b in spans], language)
    numbers: dict[int, int] = {}
    for owner in owners:
        if owner not in numbers:
            a, b = spans[owner]
            numbers[owner] = reading.word(source[a:b], offset + a)
    return [(word, numbers[owner]) for word, owner in zip(spoken, owners, strict=True)]


def _owners(spoken: list[str], written: list[str], language: str) -> list[int]:
    """For each spoken word the written one; where they are not as many, each is read alone."""
    if len(spoken) == len(written):
        return list(range(len(written)))
    counts = [
        sum(len(phonemes.split()) for phonemes, _, _ in espeak.clauses(word, language))
        for word in written
    ]
    if sum(counts) == len(spoken):
        return [owner for owner, count in enumerate(counts) for _ in range(count)]
    return [n * len(written) // len(spoken) for n in range(len(spoken))]


def _letters(part: str, offset: int, reading: SpokenText) -> Said:
    """The text itself, code point by code point."""
    said, place = Said(), 0
    for start, end in word_spans(part):
        said.pieces.append((part[place:start], -1))
        said.pieces.append((part[start:end], reading.word(part[start:end], offset + start)))
        place = end
    said.pieces.append((part[place:], -1))
    return said


def _own_english(part: str, offset: int, reading: SpokenText) -> Said:
    tokens = arpabet.encode(normalise(part, "en"))
    numbers = [
        reading.word(word, offset + start)
        for word, start in zip(tokens.words, tokens.word_starts, strict=True)
    ]
    pieces = [(ipa, numbers[n] if n >= 0 else -1) for ipa, n in english.pieces(tokens)]
    if pieces and pieces[-1][1] < 0:
        pieces[-1] = (pieces[-1][0].strip(), -1)
    return Said(pieces)


def encode(rules: PiperText, language: str, text: str) -> Tokens:
    """One utterance: what espeak-ng takes for a sentence's end within it is none.

    It ends with a mark, because voices add noises to what does not. Raises TextError when nothing
    of it can be spoken.
    """
    marked = _ELLIPSIS.sub(lambda m: _pause(m) + " " * (len(m[0]) - 1), text)
    reading = read(rules, language, marked)
    pieces: list[tuple[str, int]] = []
    for said in reading.sentences:
        if pieces and pieces[-1] == (".", -1):  # an abbreviation's
            pieces[-1] = (" ", -1)
        elif pieces and not pieces[-1][0].endswith(" "):
            pieces.append((" ", -1))
        pieces += said.pieces
    if pieces and pieces[-1][0].strip() not in _ENDS and "." in rules.ids:
        pieces[-1:] = [*([] if pieces[-1][1] < 0 else pieces[-1:]), (".", -1)]
    tokens = look_up(rules, pieces)
    if not tokens.speakable:
        raise TextError(
            f"Nothing of '{text[:40]}' can be spoken by this voice.",
            f"It speaks '{language}': write the text in that language.",
        )
    return Tokens(
        tokens.ids,
        tokens.word_index,
        tuple(reading.words),
        tuple(reading.starts),
        tokens.unknown,
    )


def _pause(ellipsis: re.Match[str]) -> str:
    """Espeak-ng ignores an ellipsis: it is a comma, or the full stop of an utterance."""
    return "," if any(c.isalnum() for c in ellipsis.string[ellipsis.end() :]) else "."


def look_up(rules: PiperText, pieces: list[tuple[str, int]]) -> Tokens:
    """The symbols of phonemes: a pad after each but the last, a start and an end around them."""
    pad = rules.ids[PAD]
    ids, owners = [*rules.ids[START], *pad], [-1] * (len(rules.ids[START]) + len(pad))
    unknown: dict[str, None] = {}
    for phonemes, owner in pieces:
        for phoneme in _phonemes(rules, phonemes):
            found = rules.ids.get(phoneme)
            if found is None:
                unknown[phoneme] = None
                continue
            ids += [*found, *pad]
            owners += [owner] * (len(found) + len(pad))
    ids += rules.ids[END]
    owners += [-1] * len(rules.ids[END])
    return Tokens(tuple(ids), tuple(owners), unknown=tuple(unknown))


def _phonemes(rules: PiperText, phonemes: str) -> Iterator[str]:
    """Code points after the voice's replacements; ligatures in parts, clusters in one."""
    points = [
        replaced
        for point in unicodedata.normalize("NFD", phonemes)
        for replaced in rules.replacements.get(point, (point,))
    ]
    whole = "".join(
        point if point in rules.ids else _LIGATURES.get(point, point) for point in points
    )
    clusters = sorted(rules.clusters, key=len, reverse=True)
    place = 0
    while place < len(whole):
        cluster = next((c for c in clusters if c and whole.startswith(c, place)), whole[place])
        yield cluster
        place += len(cluster)
