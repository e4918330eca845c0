"""Texts as utterances: VITS voices are trained on single sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vivavoce.models.vits.text.piper import RAW, spellings
from vivavoce.text.split import chunks, iter_sentences
from vivavoce.types import Chunk

MAX_CHARS = 400
"""Some 25 s of speech: longer sentences are cut at a clause."""

_CLOSING = r"\"'”’»)\]"


def utterances(text: str, silence: Mapping[str, float] | None = None) -> Iterator[Chunk]:
    """One chunk a sentence; what stands in `[[ ]]` is never cut.

    `silence` cuts after a mark, or at a space between words, and leaves so many seconds there. At
    the end of a sentence they are added to its own pause.
    """
    hidden = RAW.sub(lambda match: "x" * len(match[0]), text)
    cut = _PhonemePauses(silence or {})
    for sentence in iter_sentences(hidden):
        for part in _bounded(sentence):
            for piece in cut.pieces(part):
                yield Chunk(text[piece.start : piece.end], piece.start, piece.end, piece.pause_s)


def _bounded(sentence: Chunk) -> Iterator[Chunk]:
    if len(sentence.text) <= MAX_CHARS:
        yield sentence
        return
    parts = list(chunks(sentence.text, MAX_CHARS))
    for part in parts:
        pause = sentence.pause_s if part is parts[-1] else part.pause_s
        yield Chunk(part.text, sentence.start + part.start, sentence.start + part.end, pause)


class _PhonemePauses:
    """Pieces of a sentence by the silences that a voice's JSON asks for (`phoneme_silence`)."""

    def __init__(self, silence: Mapping[str, float]) -> None:
        spelt = {mark: silence[said] for mark, said in spellings().items() if said in silence}
        self.seconds = {mark: seconds for mark, seconds in spelt.items() if seconds > 0}
        self.space_s = silence.get(" ", 0.0)
        marks = "".join(map(re.escape, self.seconds))
        places = [rf"[{marks}](?=[{_CLOSING}]*(?:\s|$))"] if marks else []
        places += [r"\S(?=\s+\S)"] if self.space_s > 0 else []
        self.places = re.compile(rf"(?:{'|'.join(places)})[{_CLOSING}]*") if places else None

    def pieces(self, part: Chunk) -> Iterator[Chunk]:
        place, pause = 0, part.pause_s
        for match in self.places.finditer(part.text) if self.places else ():
            seconds = self.seconds.get(match[0][0], self.space_s)
            rest = part.text[match.end() :]
            if not rest.strip():
                pause += self.seconds.get(match[0][0], 0.0)
                break
            text = part.text[place : match.end()]
            yield Chunk(text, part.start + place, part.start + match.end(), seconds)
            place = match.end() + len(rest) - len(rest.lstrip())
        yield Chunk(part.text[place:], part.start + place, part.end, pause)
