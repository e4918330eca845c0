"""A text as the utterances that will be spoken, lazily."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from unicodedata import category

from vivavoce.errors import TextError
from vivavoce.text.check import describe, speakable
from vivavoce.text.passages import NATURAL, Passage, Silences, Style, events
from vivavoce.types import Chunk, Tokens

QUOTED = 40
"""Characters of a passage that a warning quotes."""

MOST_PLACES = 3
"""Passages of one utterance that have a warning each; more are one, from the first to the last."""

_WRITTEN = re.compile(r"\S+")


@dataclass(frozen=True)
class Unspoken:
    """`count` characters that no token stands for, from `start` in the source on.

    `characters` has each of them once, `quoted` is the text they stand in.
    """

    characters: tuple[str, ...]
    count: int
    start: int
    quoted: str

    def __str__(self) -> str:
        shown = " ".join(self.quoted.split())
        shown = shown if len(shown) <= QUOTED else shown[:QUOTED].rstrip() + "…"
        place = f" at character {self.start + 1} ('{shown}')"
        return unknown_warning(self.characters, self.count, place)[0]

    def moved(self, by: int) -> Unspoken:
        return replace(self, start=self.start + by)

    @classmethod
    def joined(cls, found: Sequence[Unspoken]) -> Unspoken:
        """Of passages that follow each other."""
        characters = tuple(dict.fromkeys(c for each in found for c in each.characters))
        count, quoted = sum(each.count for each in found), ""
        for each in found:
            if len(quoted) > QUOTED:
                break
            quoted = f"{quoted} {each.quoted}" if quoted else each.quoted
        return cls(characters, count, found[0].start, quoted)


@dataclass(frozen=True)
class Utterance:
    """One chunk of a text, ready for the acoustic model. `index` counts the spoken chunks.

    `warnings` say what of `unspoken` is lost. `written` are the words of `chunk.text` as a page
    shows them, each with its offset there. `lead_s` is the silence before the utterance.
    """

    chunk: Chunk
    tokens: Tokens
    index: int
    warnings: tuple[str, ...] = ()
    unspoken: tuple[Unspoken, ...] = ()
    written: tuple[tuple[int, str], ...] = ()
    lead_s: float = 0.0

    def moved(self, by: int, index: int) -> Utterance:
        """The same utterance as one of a longer source, `by` characters further on."""
        chunk = replace(self.chunk, start=self.chunk.start + by, end=self.chunk.end + by)
        unspoken = tuple(found.moved(by) for found in self.unspoken)
        others = [w for w in self.warnings if w not in set(map(str, self.unspoken))]
        warnings = (*map(str, unspoken), *others)
        return replace(self, chunk=chunk, index=index, unspoken=unspoken, warnings=warnings)


def planning(
    text: str,
    cut: Callable[[str], Iterable[Chunk]],
    tokenise: Callable[[str], Tokens],
    style: Style = NATURAL,
    notes: tuple[str, ...] = (),
) -> Iterator[Utterance | None]:
    """The utterances of `text`, made as they are asked for, so memory stays flat.

    Yields None after every short step without one: a caller with other work does it there, or
    gives up. `cut` and `tokenise` are the model's. Chunks without a word (a row of asterisks, say)
    are left out; characters that no token stands for are named in the warnings of the utterance
    that they belong to, those of a chunk that cannot be spoken at all in the next one's, or the
    last one's. `notes` are warnings about the voice, which the first utterance has.
    Raises TextError when the text has nothing to speak, or asks for a pause out of bounds.
    """
    source = speakable(text)
    held: Utterance | None = None
    lost: list[Unspoken] = []  # what came before the next utterance and cannot be spoken
    silences, index = Silences(), 0
    for event in events(source, cut, style):
        if not isinstance(event, Passage):
            yield None
            if event is None:
                continue
            chunk = silences.after(held.chunk if held else None, event)
            held = replace(held, chunk=chunk) if held and chunk else held
            continue
        tokens = _tokens(event.text, tokenise)
        found = _unspoken(event, tokens)
        if not tokens.speakable:
            lost += found
            yield None
            continue
        if held:
            yield held
        unspoken = ([Unspoken.joined(lost)] if lost else []) + found
        held = _utterance(event, tokens, index, unspoken, silences.lead_s())
        if index == 0:
            held = replace(held, warnings=(*held.warnings, *notes))
        lost, index = [], index + 1
    if held is None:
        raise _nothing(lost)
    if lost:
        after = Unspoken.joined(lost)
        warnings = (*held.warnings, str(after))
        held = replace(held, warnings=warnings, unspoken=(*held.unspoken, after))
    yield held


def _utterance(
    passage: Passage, tokens: Tokens, index: int, unspoken: list[Unspoken], lead_s: float
) -> Utterance:
    """Offsets of the words count in the source's text, not in what it shows."""
    starts = tuple(passage.place(start) for start in tokens.word_starts)
    written = tuple((passage.place(m.start()), m[0]) for m in _WRITTEN.finditer(passage.text))
    return Utterance(
        passage.chunk,
        replace(tokens, word_starts=starts),
        index,
        tuple(map(str, unspoken)),
        tuple(unspoken),
        written,
        lead_s,
    )


def _tokens(text: str, tokenise: Callable[[str], Tokens]) -> Tokens:
    """A chunk that cannot be spoken is no error: the rest of the text may be."""
    try:
        return tokenise(text)
    except TextError:
        return Tokens((), unknown=tuple(dict.fromkeys(c for c in text if category(c)[0] in "LMN")))


def _unspoken(passage: Passage, tokens: Tokens) -> list[Unspoken]:
    """The stretches of a passage that no token stands for, in order.

    A tokeniser may name a character as it is said, in small letters or in words of another script.
    """
    if not tokens.unknown:
        return []
    any_of = "[" + "".join(map(re.escape, tokens.unknown)) + "]"
    pattern = re.compile(rf"{any_of}+(?:\W{{1,2}}{any_of}+)*", re.IGNORECASE)
    spans = [run.span() for run in pattern.finditer(passage.text)]
    if len(spans) > MOST_PLACES:
        spans = [(spans[0][0], spans[-1][1])]
    found = [_lost(passage, start, end, pattern) for start, end in spans]
    named = {c for each in found for c in each.characters}
    hidden = tuple(c for c in tokens.unknown if not {c, c.upper()} & named)
    if hidden:
        count = max(1, sum(tokens.text.count(c) for c in hidden))
        found.append(Unspoken(hidden, count, passage.chunk.start, passage.text))
    return found


def _lost(passage: Passage, start: int, end: int, unknown: re.Pattern[str]) -> Unspoken:
    quoted = passage.text[start:end]
    found = [c for c in quoted if unknown.fullmatch(c)]
    place = passage.chunk.start + passage.place(start)
    return Unspoken(tuple(dict.fromkeys(found)), len(found), place, quoted)


def _nothing(lost: Sequence[Unspoken]) -> TextError:
    if not lost:
        return TextError("The text holds nothing to speak.", "Give at least one word or number.")
    shown = describe(Unspoken.joined(lost).characters)
    return TextError(
        f"This voice knows none of the characters in the text: {shown}.",
        "Use text in the voice's language; `vivavoce voices list` shows languages.",
    )


def unknown_warning(unknown: Sequence[str], text: str | int, place: str = "") -> tuple[str, ...]:
    """What to say about characters that no token stands for, if there are any.

    `text` is what they stand in, or their number; `place` is put behind "not spoken".
    """
    return _warning(unknown, text, "spoken" + place)


def transcript_warning(unknown: Sequence[str], transcript: str) -> tuple[str, ...]:
    """The same about the words of a reference, which the model reads before every utterance."""
    return _warning(unknown, transcript, "read in the transcript of the reference")


def _warning(unknown: Sequence[str], text: str | int, verb: str) -> tuple[str, ...]:
    if not unknown:
        return ()
    count = text if isinstance(text, int) else sum(text.count(c) for c in unknown)
    what = f"{count} characters that this voice does not know are"
    what = what if count != 1 else "a character that this voice does not know is"
    return (f"{what} not {verb}: {describe(unknown) or 'none'}",)
