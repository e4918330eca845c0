"""SRT and WebVTT -> spans with their words, joined to clips of a few seconds."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

TIMES = re.compile(
    r"(?:(\d+):)?(\d{1,2}):(\d{2})[,.](\d{1,3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{2})[,.](\d{1,3})"
)
TAG = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
SENTENCE = re.compile(r"[.!?…。！？][\"'”’»)]*$")
LARGEST_GAP_S = 0.6


@dataclass(frozen=True)
class TimedText:
    start_s: float
    end_s: float
    text: str


def cues(text: str) -> list[TimedText]:
    """The cues of an SRT or WebVTT file, in their order; what has no words is left out."""
    found = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        match = TIMES.search(block)
        if match is None:
            continue
        words = TAG.sub("", block[match.end() :].partition("\n")[2])
        said = " ".join(html.unescape(words).split())
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
        if said and end > start:
            found.append(TimedText(start, end, said))
    return found


def sentences(timed: list[TimedText], longest_s: float) -> list[TimedText]:
    """Cues joined until a sentence ends, a gap comes or the clip would be too long."""
    joined: list[TimedText] = []
    for cue in timed:
        last = joined[-1] if joined else None
        if (
            last is not None
            and not SENTENCE.search(last.text)
            and 0.0 <= cue.start_s - last.end_s <= LARGEST_GAP_S
            and cue.end_s - last.start_s <= longest_s
        ):
            joined[-1] = TimedText(last.start_s, cue.end_s, f"{last.text} {cue.text}")
        else:
            joined.append(cue)
    return joined


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    digits = len(parts[3] or "0")
    return hours * 3600 + minutes * 60 + seconds + thousandths / 10**digits
