"""Word times from durations: every word of the source, as written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vivavoce.speech.plan import Utterance
from vivavoce.speech.subtitles import subtitles
from vivavoce.types import Word

__all__ = ["subtitles", "words"]

_SOURCE_WORD = re.compile(r"\S+")
Span = tuple[int, int]


def words(utterance: Utterance, durations: Sequence[int], frame_s: float) -> tuple[Word, ...]:
    """The source's words (as written, between spaces) with the time their tokens take.

    `durations` are frames per token, `frame_s` a frame in seconds; times count from the
    utterance's first sample. A word that no token was read from alone ("billion" in "$1.2
    billion") shares the time of the word before it, in proportion to their letters; without
    offsets in the tokens the words are as spoken.
    """
    spans = _spoken_spans(utterance, durations)
    starts = utterance.tokens.word_starts
    if not starts:
        spoken = ((utterance.tokens.words[n], span) for n, span in spans.items())
        return tuple(Word(text, a * frame_s, b * frame_s) for text, (a, b) in spoken)
    written = utterance.written or tuple(
        (match.start(), match[0]) for match in _SOURCE_WORD.finditer(utterance.chunk.text)
    )
    claimed = _claimed([place for place, _ in written], starts, spans)
    timed: list[Word] = []
    for group, (first, last) in _groups([text for _, text in written], claimed):
        sizes = [len(text) for text in group]
        at, step = first * frame_s, (last - first) * frame_s / sum(sizes)
        for text, size in zip(group, sizes, strict=True):
            timed.append(Word(text, at, at + size * step))
            at += size * step
    return tuple(timed)


def _claimed(
    places: Sequence[int], starts: Sequence[int], spans: dict[int, Span]
) -> dict[int, Span]:
    """Number of the written word -> frames of the words that were read from it."""
    claimed: dict[int, Span] = {}
    for number, (first, last) in spans.items():
        owner = max((n for n, place in enumerate(places) if place <= starts[number]), default=0)
        known = claimed.get(owner, (first, last))
        claimed[owner] = (min(known[0], first), max(known[1], last))
    return claimed


def _groups(written: Sequence[str], claimed: dict[int, Span]) -> list[tuple[list[str], Span]]:
    """Each word with time of its own, and those without that follow it (or begin the text)."""
    groups: list[tuple[list[str], Span]] = []
    waiting: list[str] = []
    for number, text in enumerate(written):
        if number in claimed:
            groups.append(([*waiting, text], claimed[number]))
            waiting = []
        elif any(c.isalnum() for c in text):
            (groups[-1][0] if groups else waiting).append(text)
    return groups


def _spoken_spans(utterance: Utterance, durations: Sequence[int]) -> dict[int, Span]:
    """First and last frame of every spoken word."""
    spans: dict[int, Span] = {}
    frame = 0
    for number, length in zip(utterance.tokens.word_index, durations, strict=False):
        if number >= 0:
            first = spans.get(number, (frame, frame))[0]
            spans[number] = (first, frame + length)
        frame += length
    return spans
