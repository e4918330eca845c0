"""Source text -> what each utterance says: pause marks obeyed, markup as what it shows.

The one door before every family's own chunker. Knows no tokens and no audio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from vivavoce.errors import UsageError
from vivavoce.text.check import has_sound
from vivavoce.text.marks import LONGEST_PAUSE_S, bounded, stretches
from vivavoce.text.markup import Shown, show
from vivavoce.text.split import PARAGRAPH_PAUSE_S, SENTENCE_PAUSE_S, iter_sentences
from vivavoce.types import Chunk


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a text is laid out in time, and what of its marks is read.

    `sentence_s` and `paragraph_s` are the silence after each, from 0 to 30 s; None leaves the
    natural ones (0.35 and 0.7 s) and lets short sentences share an utterance. `markup` shows
    Markdown and HTML as a page would; without it they are text. `notes` reads reference marks
    such as `[12]` and `.¹`. Raises UsageError for a silence out of bounds.
    """

    sentence_s: float | None = None
    paragraph_s: float | None = None
    markup: bool = True
    notes: bool = False

    def __post_init__(self) -> None:
        for name, value in (("sentence", self.sentence_s), ("paragraph", self.paragraph_s)):
            if value is not None and not 0.0 <= value <= LONGEST_PAUSE_S:
                raise UsageError(
                    f"The {name} silence is {value:g} s.", f"Give 0 to {LONGEST_PAUSE_S:g} s."
                )


@dataclass(frozen=True)
class Passage:
    """What one utterance says. `chunk.text == source[chunk.start : chunk.end]`.

    `text` is what that shows, without marks; `text[i]` comes from `chunk.text[place(i)]`.
    `lead_s` is the silence before it, which only a pause mark at the text's beginning asks for.
    `marked`: its pause was asked for by a mark.
    """

    chunk: Chunk
    text: str
    shown: Shown
    first: int
    lead_s: float = 0.0
    marked: bool = False

    def place(self, index: int) -> int:
        """Offset in `chunk.text` of the character behind `text[index]`."""
        return self.shown.start(self.first + index) - self.shown.start(self.first)


def passages(
    source: str, cut: Callable[[str], Iterable[Chunk]], style: Style | None = None
) -> Iterator[Passage]:
    """The passages of `source`, in order, made while they are asked for.

    `cut` is the family's chunker. Stretches without a sound are left out; a pause that is asked
    for after one belongs to what was said before. Raises TextError for a pause out of bounds.
    """
    style = style or Style()
    held: Passage | None = None
    lead_s, said = 0.0, False
    for stretch in stretches(source):
        for passage in _stretch(source, stretch.start, stretch.end, cut, style):
            if held:
                yield held
            held = replace(passage, lead_s=lead_s)
            lead_s, said = 0.0, True
        if stretch.pause_s is None:
            continue
        written = "the pause marks in a row"
        if held:
            pause_s = stretch.pause_s + (0.0 if said else held.chunk.pause_s)
            chunk = replace(held.chunk, pause_s=bounded(pause_s, written))
            held, said = replace(held, chunk=chunk, marked=True), False
        else:
            lead_s = bounded(lead_s + stretch.pause_s, written)
    if held:
        yield held


def _stretch(
    source: str, start: int, end: int, cut: Callable[[str], Iterable[Chunk]], style: Style
) -> Iterator[Passage]:
    """What stands between two pause marks."""
    written = source[start:end]
    shown = show(written, style.notes) if style.markup else Shown(written, (0,), (0,), (-1,))
    if not has_sound(shown.text):
        return
    for chunk in _timed(cut(shown.text), style):
        first, last = start + shown.start(chunk.start), start + shown.end(chunk.end)
        placed = Chunk(source[first:last], first, last, chunk.pause_s)
        yield Passage(placed, chunk.text, shown, chunk.start)


def _timed(chunks: Iterable[Chunk], style: Style) -> Iterator[Chunk]:
    """The chunks with the silences that the style asks for, one sentence each where it must be."""
    for chunk in chunks:
        pieces = [chunk] if style.sentence_s is None else _sentences(chunk)
        for piece in pieces:
            yield replace(piece, pause_s=_silence(piece.pause_s, style))


def _sentences(chunk: Chunk) -> list[Chunk]:
    found = [
        replace(piece, start=chunk.start + piece.start, end=chunk.start + piece.end)
        for piece in iter_sentences(chunk.text)
    ]
    if not found:
        return [chunk]
    return [*found[:-1], replace(found[-1], pause_s=chunk.pause_s)]


def _silence(natural_s: float, style: Style) -> float:
    asked: float | None = None
    if natural_s >= PARAGRAPH_PAUSE_S:
        asked = style.paragraph_s
    elif natural_s >= SENTENCE_PAUSE_S:
        asked = style.sentence_s
    return natural_s if asked is None else asked
