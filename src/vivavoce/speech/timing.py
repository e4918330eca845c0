"""Exact word times from durations, and subtitles from word times."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from vivavoce.errors import UnknownFormat, near_misses
from vivavoce.speech.plan import Utterance
from vivavoce.types import Word

SENTENCE_PAUSE_S = 0.2
_SOURCE_WORD = re.compile(r"\S+")


def words(utterance: Utterance, durations: Sequence[int], frame_s: float) -> tuple[Word, ...]:
    """The source's words (as written, between spaces) with the time their tokens take.

    `durations` are frames per token, `frame_s` a frame in seconds; times count from the
    utterance's first sample.
    """
    spans = _spoken_spans(utterance, durations)
    found: dict[int, tuple[str, int, int]] = {}
    source = list(_SOURCE_WORD.finditer(utterance.chunk.text))
    starts = utterance.tokens.word_starts
    for number, (first, last) in spans.items():
        offset = starts[number] if starts else -1
        match = next((m for m in source if m.start() <= offset < m.end()), None)
        key, text = (match.start(), match[0]) if match else (number, utterance.tokens.words[number])
        known = found.get(key, (text, first, last))
        found[key] = (text, min(known[1], first), max(known[2], last))
    return tuple(Word(t, a * frame_s, b * frame_s) for t, a, b in found.values())


def _spoken_spans(utterance: Utterance, durations: Sequence[int]) -> dict[int, tuple[int, int]]:
    """First and last frame of every spoken word."""
    spans: dict[int, tuple[int, int]] = {}
    frame = 0
    for number, length in zip(utterance.tokens.word_index, durations, strict=False):
        if number >= 0:
            first = spans.get(number, (frame, frame))[0]
            spans[number] = (first, frame + length)
        frame += length
    return spans


def subtitles(timed: Sequence[Word], kind: str) -> str:
    """`srt`, `vtt` (cues of up to 42 characters or one sentence) or `json` (every word).

    Raises UnknownFormat for another kind.
    """
    if kind == "json":
        rows = [
            {"word": w.text, "start": round(w.start_s, 3), "end": round(w.end_s, 3)} for w in timed
        ]
        return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    if kind not in ("srt", "vtt"):
        raise UnknownFormat(
            f"Subtitles cannot be written as '{kind}'.", near_misses(kind, ("srt", "vtt", "json"))
        )
    comma = "," if kind == "srt" else "."
    cues = [
        f"{number}\n{_clock(cue[0].start_s, comma)} --> {_clock(cue[-1].end_s, comma)}\n"
        f"{' '.join(w.text for w in cue)}\n"
        for number, cue in enumerate(_cues(timed), 1)
    ]
    return ("WEBVTT\n\n" if kind == "vtt" else "") + "\n".join(cues)


def _cues(timed: Sequence[Word], max_chars: int = 42) -> list[list[Word]]:
    cues: list[list[Word]] = []
    for word in timed:
        line = cues[-1] if cues else []
        full = sum(len(w.text) + 1 for w in line) + len(word.text) > max_chars
        ended = bool(line) and _ends_sentence(line[-1], word)
        if not line or full or ended:
            cues.append([word])
        else:
            line.append(word)
    return cues


def _ends_sentence(word: Word, following: Word) -> bool:
    """A full stop with a pause behind it; "Dr." has none."""
    stopped = word.text.rstrip("\"'”’)").endswith((".", "!", "?", "…"))
    return stopped and following.start_s - word.end_s >= SENTENCE_PAUSE_S


def _clock(seconds: float, separator: str) -> str:
    millis = round(seconds * 1000)
    minutes, rest = divmod(millis, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{separator}{rest % 1000:03d}"
