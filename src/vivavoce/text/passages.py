"""Source text -> what each utterance says: pause marks obeyed, markup as what it shows.

The one door before every family's own chunker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from vivavoce.errors import UsageError
from vivavoce.text.check import has_sound
from vivavoce.text.marks import LONGEST_PAUSE_S, bounded, stretches
from vivavoce.text.markup import VisibleText, showing
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


NATURAL = Style()


@dataclass(frozen=True)
class Passage:
    """What one utterance says. `chunk.text == source[chunk.start : chunk.end]`.

    `text` is what that shows, without marks; `text[i]` comes from `chunk.text[place(i)]`.
    `lead_s` is the silence before it, which only a pause mark at the text's beginning asks for.
    """

    chunk: Chunk
    text: str
    shown: VisibleText
    first: int
    lead_s: float = 0.0

    def place(self, index: int) -> int:
        """Offset in `chunk.text` of the character behind `text[index]`."""
        return self.shown.start(self.first + index) - self.shown.start(self.first)


class Silences:
    """The pauses that marks ask for: after what was said last, or before the first of all."""

    def __init__(self) -> None:
        self._lead_s, self._said = 0.0, False

    def lead_s(self) -> float:
        """The silence before what is said now, from whose end on marks count."""
        lead_s, self._lead_s, self._said = self._lead_s, 0.0, True
        return lead_s

    def after(self, chunk: Chunk | None, pause_s: float) -> Chunk | None:
        """The chunk said last, with the pause of a mark; marks in a row add up.

        Raises TextError when they are longer than a pause may be.
        """
        written = "the pause marks in a row"
        if chunk is None:
            self._lead_s = bounded(self._lead_s + pause_s, written)
            return None
        total = pause_s + (0.0 if self._said else chunk.pause_s)
        self._said = False
        return replace(chunk, pause_s=bounded(total, written))


def passages(
    source: str, cut: Callable[[str], Iterable[Chunk]], style: Style = NATURAL
) -> Iterator[Passage]:
    """The passages of `source`, in order, made while they are asked for.

    `cut` is the family's chunker. Stretches without a sound are left out; a pause that is asked
    for after one belongs to what was said before. Raises TextError for a pause out of bounds.
    """
    held: Passage | None = None
    silences = Silences()
    for event in events(source, cut, style):
        if event is None:
            continue
        if isinstance(event, Passage):
            if held:
                yield held
            held = replace(event, lead_s=silences.lead_s())
            continue
        chunk = silences.after(held.chunk if held else None, event)
        held = replace(held, chunk=chunk) if held and chunk else held
    if held:
        yield held


def events(
    source: str, cut: Callable[[str], Iterable[Chunk]], style: Style = NATURAL
) -> Iterator[Passage | float | None]:
    """The passages with their natural pauses, and the seconds of every mark where it stands.

    None is given where a long text has neither yet.
    """
    for stretch in stretches(source):
        yield from _stretch(source, stretch.start, stretch.end, cut, style)
        if stretch.pause_s is not None:
            yield stretch.pause_s


def _stretch(
    source: str, start: int, end: int, cut: Callable[[str], Iterable[Chunk]], style: Style
) -> Iterator[Passage | None]:
    """What stands between two pause marks."""
    shown = VisibleText(source[start:end], (0,), (0,), (-1,))
    if style.markup:
        shown = yield from showing(shown.text, style.notes)
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
