"""Words with their times -> SRT, WebVTT and JSON, valid whatever the words hold."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vivavoce.errors import UnknownFormat, near_misses
from vivavoce.types import Word

SENTENCE_PAUSE_S = 0.2
CUE_CHARACTERS = 42
KINDS = ("srt", "vtt", "json")


def subtitles(timed: Sequence[Word], kind: str) -> str:
    """`srt`, `vtt` (cues of up to 42 characters or one sentence) or `json` (every word).

    Raises UnknownFormat for another kind.
    """
    if kind not in KINDS:
        raise UnknownFormat(f"Subtitles cannot be written as '{kind}'.", near_misses(kind, KINDS))
    if kind == "json":
        rows = [
            {"word": w.text, "start": round(w.start_s, 3), "end": round(w.end_s, 3)} for w in timed
        ]
        return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    comma, escape = (",", plain) if kind == "srt" else (".", escaped)
    cues = [
        f"{number}\n{_span(cue, comma)}\n{escape(' '.join(w.text for w in cue))}\n"
        for number, cue in enumerate(_cues(timed), 1)
    ]
    return ("WEBVTT\n\n" if kind == "vtt" else "") + "\n".join(cues)


def plain(text: str) -> str:
    """SRT has no escapes: an arrow in the text would be taken for a line of times."""
    return _one_line(text).replace("-->", "→")


def escaped(text: str) -> str:
    """WebVTT, section 4.2.2: a cue's text holds no `-->`, and marks begin tags and entities."""
    return _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    """An empty line would end the cue, a broken code point could not be written to a file."""
    visible = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text)
    return " ".join(visible.split()) or "…"


def _cues(timed: Sequence[Word]) -> list[list[Word]]:
    cues: list[list[Word]] = []
    for word in timed:
        line = cues[-1] if cues else []
        full = sum(len(w.text) + 1 for w in line) + len(word.text) > CUE_CHARACTERS
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


def _span(cue: Sequence[Word], separator: str) -> str:
    """The line of times; a cue that took no time still has a millisecond, as players want it."""
    begin = max(0, round(cue[0].start_s * 1000))
    end = max(begin + 1, round(cue[-1].end_s * 1000))
    return f"{clock(begin, separator)} --> {clock(end, separator)}"


def clock(millis: int, separator: str) -> str:
    minutes, rest = divmod(millis, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{separator}{rest % 1000:03d}"
