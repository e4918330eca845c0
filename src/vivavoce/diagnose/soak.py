"""Whether memory stays flat: many different utterances in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vivavoce.runtime.memory import memory
from vivavoce.speech.engine import TTS
from vivavoce.types import OnProgress, no_progress

WARM_UP = 100
"""Utterances before memory is compared: allocators keep what the first ones needed."""
_NOUNS = ("kettle", "garden", "letter", "winter", "number", "window", "harbour", "violin")
_VERBS = ("waits", "falls", "answers", "turns", "begins", "whispers", "returns")
_ENDS = ("again", "at night", "without a word", "before the rain", "in the old town by the sea")


@dataclass(frozen=True)
class Soak:
    """`resident_bytes` after every tenth of the run; `growth` from utterance 100 to the last.

    `growth` is a fraction of the memory at utterance 100; None where there were no more.
    """

    utterances: int
    resident_bytes: tuple[int, ...]
    growth: float | None
    speech_s: float


def soak(tts: TTS, utterances: int, on_progress: OnProgress = no_progress) -> Soak:
    """Speak that many different sentences, one after the other."""
    marks, base, seconds = [], None, 0.0
    for number, text in enumerate(_sentences(utterances), 1):
        seconds += tts.speak(text, seed=number, on_problem="warn").duration_s
        if number == WARM_UP:
            base = memory("cpu").used
        if number % max(1, utterances // 10) == 0:
            marks.append(memory("cpu").used or 0)
        on_progress(number, utterances, "")
    growth = marks[-1] / base - 1 if base and utterances > WARM_UP else None
    return Soak(utterances, tuple(marks), growth, seconds)


def _sentences(count: int) -> Iterator[str]:
    """Lengths of one word to some twenty, so that shapes differ."""
    for number in range(count):
        noun, verb = _NOUNS[number % len(_NOUNS)], _VERBS[number % len(_VERBS)]
        clause = f"the {noun} {verb} {_ENDS[number % len(_ENDS)]}"
        clauses = [f"{clause}, number {number + more}" for more in range(number % 3)]
        yield (
            f"{noun.capitalize()} {number}."
            if number % 4 == 0
            else ", and ".join([clause.capitalize(), *clauses]) + "."
        )
