"""Texts as utterances: VITS voices are trained on single sentences.

Knows punctuation and brackets of phonemes, no voices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vivavoce.models.vits.text.piper import RAW
from vivavoce.text.split import chunks, iter_sentences
from vivavoce.types import Chunk

MAX_CHARS = 400
"""Some 25 s of speech: longer sentences are cut at a clause."""


def utterances(text: str, silence: Mapping[str, float] | None = None) -> Iterator[Chunk]:
    """One chunk a sentence; what stands in `[[ ]]` is never cut.

    `silence` cuts after a punctuation mark and leaves so many seconds there.
    """
    hidden = RAW.sub(lambda match: "x" * len(match[0]), text)
    for sentence in iter_sentences(hidden):
        for part in _bounded(sentence):
            for piece in _cut(part, silence or {}):
                yield Chunk(text[piece.start : piece.end], piece.start, piece.end, piece.pause_s)


def _bounded(sentence: Chunk) -> Iterator[Chunk]:
    if len(sentence.text) <= MAX_CHARS:
        yield sentence
        return
    parts = list(chunks(sentence.text, MAX_CHARS))
    for part in parts:
        pause = sentence.pause_s if part is parts[-1] else part.pause_s
        yield Chunk(part.text, sentence.start + part.start, sentence.start + part.end, pause)


def _cut(part: Chunk, silence: Mapping[str, float]) -> Iterator[Chunk]:
    marks = "".join(re.escape(mark) for mark in silence if len(mark) == 1 and not mark.isalnum())
    place = 0
    for match in re.finditer(rf"[{marks}](?=\s+\S)", part.text) if marks else ():
        text = part.text[place : match.end()]
        yield Chunk(text, part.start + place, part.start + match.end(), silence[match[0]])
        place = match.end() + len(part.text[match.end() :]) - len(part.text[match.end() :].lstrip())
    yield Chunk(part.text[place:], part.start + place, part.end, part.pause_s)
