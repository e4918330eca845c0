"""Is it what was to be said? A recogniser listens, and the words are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vivavoce.errors import VoiceError
from vivavoce.text.distance import compare
from vivavoce.text.normalisers import ours
from vivavoce.types import Audio

FEWEST_WORDS = 2
"""Shorter passages are not judged: recognisers guess at single words."""

FEW_WORDS = 10
MOST_SHARE = 0.1
"""Up to ten words one may be heard otherwise; of more, a tenth."""

Listener = Callable[[Audio, str], str]
"""Audio and its language to the words said; `speech.transcribe.default_transcriber()` is one."""


@dataclass(frozen=True)
class Verdict:
    """`errors` are words heard otherwise, `problem` says so where they are too many."""

    errors: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Check:
    """Who listens, under which name, and how often a passage is spoken until it passes."""

    listener: Listener
    name: str = "recogniser"
    tries: int = 3

    def verdict(self, text: str, audio: Audio, language: str) -> Verdict:
        """Letters and digits are compared; words that were parted or joined are the same."""
        said = ours(text, language)
        if len(said) < FEWEST_WORDS:
            return Verdict()
        try:
            heard_text = self.listener(audio, language)
        except VoiceError:  # nothing was recognised
            heard_text = ""
        heard = ours(heard_text, language)
        if "".join(said) == "".join(heard):
            return Verdict()
        counts = compare(said, heard)
        allowed = 1 if len(said) <= FEW_WORDS else MOST_SHARE * len(said)
        if counts.errors <= allowed:
            return Verdict(counts.errors)
        problem = f"recognised as '{heard_text[:60]}': {counts.errors} of {len(said)} words differ"
        return Verdict(counts.errors, problem)
