"""How much text fits one window, and how many frames a text takes, by the reference's pace.

F5 and E2 predict no durations: both rules count UTF-8 bytes.
"""

from __future__ import annotations

from vivavoce.errors import VoiceError
from vivavoce.models.f5.text import prompt_for, transcript_for

WINDOW_S = 22.0
"""Reference and speech together; longer windows than training saw drift."""

LEAST_BUDGET = 20
"""Bytes. Below it every few words would be a chunk of their own."""

SHORT_BYTES = 10
SHORT_EXTRA_S = 0.4
FRAME_RATE = 24_000 / 256
DIGIT_BYTES = 7


def budget(transcript: str, reference_s: float, speed: float = 1.0) -> int:
    """UTF-8 bytes of text whose speech fits a window of 22 s beside the reference.

    `speed` is above 0. Raises VoiceError when fewer than 20 remain: the reference is too long, or
    its transcript too short for it.
    """
    room_s = WINDOW_S - reference_s
    rate = utf8_bytes(transcript_for(transcript)) / reference_s
    found = int(rate * room_s * speed)
    if found < LEAST_BUDGET:
        raise VoiceError(
            f"A reference of {reference_s:.1f} s whose transcript has {rate:.1f} bytes per second"
            " leaves no time for speech.",
            "Use 3 to 12 s of it, and the transcript of that part.",
        )
    return found


def n_frames(transcript: str, reference_frames: int, text: str, speed: float = 1.0) -> int:
    """Frames (93.75 per second) of the reference and the speech of `text` together.

    The speech takes the reference's time per byte, as in the published inference; for less than
    10 bytes up to 0.4 s more, the less text the more, because a word alone is begun and ended
    slowly (the published rule takes 3.3 times as long there and forgets `speed`).
    """
    n_bytes = utf8_bytes(text)
    per_byte = reference_frames / utf8_bytes(prompt_for(transcript))
    extra = SHORT_EXTRA_S * FRAME_RATE * max(0.0, 1.0 - n_bytes / SHORT_BYTES)
    return reference_frames + int((per_byte * n_bytes + extra) / speed)


def utf8_bytes(text: str) -> int:
    """A measure for `text.split.chunks`; a broken code point counts as three."""
    return len(text.encode("utf-8", "surrogatepass"))


def spoken_bytes(text: str) -> int:
    """The same for text whose numbers are yet to be written out: a digit becomes about 7 bytes."""
    return utf8_bytes(text) + (DIGIT_BYTES - 1) * sum(map(str.isdigit, text))
