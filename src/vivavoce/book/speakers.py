"""The voices that read a book, and the store of what they have said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vivavoce.book.casting import Reader
from vivavoce.book.checking import Check, Verdict
from vivavoce.book.passages import BookPassage
from vivavoce.errors import GuardError, TextError, VoiceError
from vivavoce.runtime.memory import trim
from vivavoce.speech import identity
from vivavoce.speech.store import Store, StoredSpeech
from vivavoce.text.passages import Style
from vivavoce.types import Audio

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice

ATTEMPT = 7919
"""Between the seeds of one passage's attempts."""


@dataclass(frozen=True)
class Performer:
    """A voice, how it speaks, and its part of the store."""

    tts: TTS
    voice: Voice
    how: dict[str, Any]
    store: Store

    def fault(self, passage: BookPassage) -> TextError | None:
        """Why the voice cannot say it."""
        try:
            next(iter(self.tts.plan(passage.marked, self.tts.request(self.voice))))
        except TextError as error:
            return error
        return None

    def spoken(self, passage: BookPassage, attempt: int) -> StoredSpeech:
        """The draws follow from the content: what stands before a passage does not change them."""
        seed = self.store.seed(passage.marked) + attempt * ATTEMPT
        how: dict[str, Any] = {**self.how, "seed": seed}
        try:
            speech = self.tts.speak(passage.marked, self.voice, **how)
        except GuardError as error:
            raise GuardError(f"'{passage.text[:60]}': {error.message}", error.advice) from error
        return StoredSpeech(speech.samples, speech.warnings)


class Speakers:
    """Speakers by reader; each voice is made when it first has something to say.

    `how` is what `TTS.speak` takes; `check` listens to what was said. Raises what making a voice
    does.
    """

    def __init__(
        self,
        tts: TTS,
        voice: str | Voice | None,
        how: dict[str, Any],
        folder: Path,
        check: Check | None = None,
    ) -> None:
        self.tts, self.folder, self.check = tts, folder, check
        self._voice, self._how = voice, how
        self._known: dict[Reader, Performer] = {}
        self._facts = identity.of_engine(tts) | ({"check": check.name} if check else {})

    def of(self, passage: BookPassage) -> Performer:
        """Who reads the passage."""
        reader = passage.reader
        if reader not in self._known:
            self._known[reader] = self._made(reader)
        return self._known[reader]

    def get(self, passage: BookPassage) -> StoredSpeech | None:
        """What is kept of a passage."""
        return self.of(passage).store.get(passage.marked, self.tts.sample_rate)

    def speak(self, passage: BookPassage, again: bool = False) -> StoredSpeech:
        """The passage spoken and kept; with `again` by other draws than those of what is kept.

        With a check the best of several attempts is kept. Raises GuardError, OutputError.
        """
        speaker, rate = self.of(passage), self.tts.sample_rate
        first = 1 + speaker.store.attempt(passage.marked) if again else 0
        best, best_verdict, made = None, Verdict(), first
        for attempt in range(first, first + (self.check.tries if self.check else 1)):
            spoken = speaker.spoken(passage, attempt)
            verdict = self._judged(passage, spoken)
            if best is None or verdict.errors < best_verdict.errors:
                best, best_verdict, made = spoken, verdict, attempt
            if not best_verdict.problem:
                break
        assert best is not None  # noqa: S101 - there is one attempt at least
        if best_verdict.problem:
            best = replace(best, warnings=(*best.warnings, best_verdict.problem))
        speaker.store.put(passage.marked, Audio(best.samples, rate), best.warnings, made)
        trim()  # what passages of all lengths have left; hours would add it up
        return best

    def _judged(self, passage: BookPassage, spoken: StoredSpeech) -> Verdict:
        """Nothing is heard in what was left out: that has its warning already."""
        if self.check is None or not np.any(spoken.samples):
            return Verdict()
        audio = Audio(spoken.samples, self.tts.sample_rate)
        return self.check.verdict(passage.text, audio, self.of(passage).voice.language)

    def _made(self, reader: Reader) -> Performer:
        how = self._how | {"speed": self._how["speed"] * reader.speed}
        voice: str | Voice | None = reader.voice or self._voice
        if reader.ref:
            name = Path(reader.ref).stem
            try:
                voice = self.tts.voice(reader.ref, reader.transcript, name=name)
            except VoiceError as error:
                raise VoiceError(
                    f"The voice of {reader.ref}: {error.message}", error.advice
                ) from error
        asked = {name: value for name, value in how.items() if name != "style"}
        request = self.tts.request(voice, **asked)
        style: Style = how["style"]
        facts = self._facts | identity.of_request(request) | {"style": repr(style)}
        return Performer(self.tts, request.voice, how, Store(self.folder, facts))
