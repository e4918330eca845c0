"""Tells whether what Bark gave is as long as its text."""

from __future__ import annotations

import re

from vivavoce.audio.transcript import spoken_characters

SLOWEST, FASTEST = 7.0, 30.0
"""Characters a second: people speak 10 to 20."""
SPARE_S = 2.5
SOUND_S = 4.0
"""For a sound that is asked for, and for a drawn-out pause."""
_SOUND = re.compile(r"\[[^\[\]]*\]|\.\.\.|[…—]")
SUNG = "♪"


def longest_s(text: str) -> float:
    """What is longer has a tail that nobody wrote."""
    words, sounds = _SOUND.subn(" ", text)
    slower = 3.0 if SUNG in text else 1.0
    return SPARE_S + slower * spoken_characters(words) / SLOWEST + SOUND_S * sounds


def problem(text: str, seconds: float, ended: bool) -> str:
    """What is wrong with so many seconds of it, or ""."""
    if not ended:
        return f"Generation reached its length limit ({seconds:.1f} s) without a stop token"
    if spoken_characters(_SOUND.sub(" ", text)) > FASTEST * (seconds + SPARE_S / 5):
        return f"Generation stopped after {seconds:.1f} s; the text is probably truncated"
    return ""
