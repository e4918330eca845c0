"""One request on its way: what is asked, the text, and what has been made of it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vivavoce.serve.broadcast import Broadcast
from vivavoce.serve.errors import Cancelled
from vivavoce.serve.feed import Feed
from vivavoce.serve.outbox import EndOfSpeech, FlushMark, Outbox, Sound, SpokenWord
from vivavoce.serve.table import VoiceRow

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a request asks of the engine beside its text. `key` is whose turn it takes."""

    voice: VoiceRow
    speed: float = 1.0
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    dialect: str = "http"

    @property
    def model(self) -> str:
        return self.voice.model


class SpeechJob:
    """State shared by the event loop and the engine's thread.

    The engine writes `started_at`, `busy`, counts and the outbox; the loop writes `cancelled`.
    `rate` is the sample rate of the model, Hz, known from the table of models. `keep` lets equal
    requests join; `keys` are the clients it is for.
    """

    def __init__(
        self,
        work: Work,
        feed: Feed,
        rate: int,
        wake: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        keep: bool = False,
    ) -> None:
        self.number = next(_NUMBERS)
        self.work, self.feed, self.rate = work, feed, rate
        self.keys = {work.key}
        self.outbox = Broadcast(loop, wake, keep)
        self._wake = wake
        self.created_at = time.monotonic()
        self.started_at: float | None = None
        self.busy = False  # the engine has some of its text
        self.first_audio_at: float | None = None
        self.served_at = 0.0
        self.cancelled = ""
        self.ended = False
        self.failed = False
        self.input_tokens = 0
        self.output_frames = 0
        self.samples = 0
        self.warnings: tuple[str, ...] = ()

    @property
    def resting(self) -> bool:
        """Whether it waits for its client to send more text."""
        return not (self.busy or self.feed.ready)

    @property
    def good(self) -> bool:
        """Whether it came to its end without a fault."""
        return self.ended and not (self.failed or self.cancelled)

    @property
    def seconds(self) -> float:
        """Of audio, so far."""
        return self.samples / self.rate

    def waited_s(self, until: float) -> float:
        """Seconds since there was something to speak; before that, the client is waited for."""
        ready_at = self.feed.ready_at
        return until - max(self.created_at, ready_at) if ready_at is not None else 0.0

    def give(self, sound: Sound) -> None:
        """The engine has more."""
        self.samples += len(sound.samples)
        self.warnings += sound.warnings
        if self.first_audio_at is None and len(sound.samples):
            self.first_audio_at = time.monotonic()
        self.outbox.put(sound, len(sound.samples) / self.rate)

    def end(self, error: Exception | None = None) -> None:
        """The engine, or the scheduler, has done with it."""
        self.ended, self.failed = True, error is not None
        self.outbox.put(error or EndOfSpeech())

    def cancel(self, reason: str) -> None:
        """Nothing more is made or read of it. Frees its row within a step."""
        if self.cancelled or self.ended:
            return
        self.cancelled = reason
        self.outbox.replace(_cancelled(reason))
        self._wake()

    def fed(self) -> None:
        """More text is there."""
        self._wake()

    def leave(self, reader: Outbox, reason: str) -> None:
        """A reader has had enough; the work ends with the last of them."""
        if self.ended:
            return
        if self.outbox.leave(reader):
            reader.replace(_cancelled(reason))
        else:
            self.cancel(reason)


async def events(reader: Outbox) -> AsyncGenerator[Sound | FlushMark, None]:
    """What comes, to the end. Raises what went wrong."""
    while True:
        try:
            yield await reader.get()
        except EndOfSpeech:
            return


def _cancelled(reason: str) -> Cancelled:
    return Cancelled(f"The request was cancelled ({reason}).")


def words_json(words: tuple[SpokenWord, ...]) -> list[dict[str, Any]]:
    """Words as every dialect sends them."""
    return [
        {
            "text": word.text,
            "start": round(word.start_s, 4),
            "end": round(word.end_s, 4),
            "text_start": word.text_start,
            "text_end": word.text_end,
        }
        for word in words
    ]
