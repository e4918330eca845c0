"""Sentences of an audiobook with their times, as SRT, WebVTT, LRC and JSON.

A cue is a sentence, or a clause of a long one. Where a passage holds several, their times within
it follow from their characters, which is marked in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vivavoce.errors import UnknownFormat, near_misses
from vivavoce.speech.subtitles import clock, escaped, plain
from vivavoce.text.split import chunks

KINDS = ("srt", "vtt", "lrc", "json")
LONGEST_CUE = 160
"""Characters: two lines of a wide screen."""


@dataclass(frozen=True)
class Cue:
    """Text of chapter `chapter` (from 1), from `start_s` to `end_s` of the audiobook."""

    chapter: int
    text: str
    start_s: float
    end_s: float
    estimated: bool = False


def require(kinds: Sequence[str], one_file: bool) -> None:
    """Raises UnknownFormat; LRC counts minutes in two digits, so it is for chapters alone."""
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownFormat(
                f"Subtitles cannot be written as '{kind}'.", near_misses(kind, KINDS)
            )
        if kind == "lrc" and one_file:
            raise UnknownFormat(
                "LRC subtitles need one file per chapter.", "Name a folder, or use srt or vtt."
            )


def written(cues: Sequence[Cue], kind: str, begin_s: float = 0.0) -> str:
    """The cues as a file; `begin_s` is where its audio begins in the audiobook."""
    rows = [
        replace(cue, start_s=cue.start_s - begin_s, end_s=cue.end_s - begin_s)
        for passage in cues
        for cue in sentences(passage)
    ]
    if kind == "json":
        table = [
            {
                "chapter": row.chapter,
                "start": round(row.start_s, 3),
                "end": round(row.end_s, 3),
                "text": row.text,
                "estimated": row.estimated,
            }
            for row in rows
        ]
        return json.dumps(table, ensure_ascii=False, indent=1) + "\n"
    if kind == "lrc":
        return "".join(f"[{_minutes(row.start_s)}]{plain(row.text)}\n" for row in rows)
    comma, escape = (",", plain) if kind == "srt" else (".", escaped)
    blocks = [
        f"{number}\n{_span(row, comma)}\n{escape(row.text)}\n" for number, row in enumerate(rows, 1)
    ]
    return ("WEBVTT\n\n" if kind == "vtt" else "") + "\n".join(blocks)


def sentences(passage: Cue) -> Iterator[Cue]:
    """The passage in parts that fit on a screen."""
    pieces = list(chunks(passage.text, LONGEST_CUE))
    total = sum(len(piece.text) for piece in pieces)
    length_s, at = passage.end_s - passage.start_s, 0
    for piece in pieces:
        begin = passage.start_s + length_s * at / total
        at += len(piece.text)
        end = passage.start_s + length_s * at / total
        yield replace(passage, text=piece.text, start_s=begin, end_s=end, estimated=len(pieces) > 1)


def _span(cue: Cue, separator: str) -> str:
    """A cue that took no time still has a millisecond, as players want it."""
    begin = max(0, round(1000 * cue.start_s))
    end = max(begin + 1, round(1000 * cue.end_s))
    return f"{clock(begin, separator)} --> {clock(end, separator)}"


def _minutes(seconds: float) -> str:
    hundredths = max(0, round(100 * seconds))
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"
