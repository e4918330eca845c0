"""A turn of a conversation: text that comes in pieces, audio that goes out while it does.

Shared by the WebSockets and Wyoming: when what has come so far is spoken.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable

from vivavoce.serve.feed import Feed
from vivavoce.serve.job import Work
from vivavoce.serve.outbox import FlushMark, Sound
from vivavoce.serve.service import Service, Stream
from vivavoce.text.check import cleaned

SETTLE_S, ALONE_S, LONGEST_S = 0.05, 0.25, 0.3
"""After a piece of text what follows at once belongs to it, so that a text given whole stays whole:
so long after a piece, after the first one of a turn, and at most, when pieces come fast.
"""
SILENCE_S = 2.0
"""After so long without text, what there is is spoken, though a sentence may go on."""

HALF, PAIR = re.compile("[\ud800-\udbff]"), re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""The first half of a character above U+FFFF as UTF-16 writes it, and both."""


class Turn:
    """`add`, `flush`, `finish` while `events` is read by another task."""

    def __init__(self, name: str, work: Work, service: Service) -> None:
        self.name, self.work, self.service = name, work, service
        self.feed = Feed()
        self.stream: Stream | None = None
        self.cancelled = asyncio.Event()
        self.marks = 0
        self.samples = 0
        self._timer: asyncio.TimerHandle | None = None
        self._half = ""  # of a character that the next piece completes
        self._pieces = 0
        self._settling_at = 0.0  # since when there is text that was not looked at

    def add(self, text: str) -> None:
        """More text, cut anywhere: between the halves of a character too, as JavaScript may."""
        text = PAIR.sub(_joined, self._half + text)
        self._half = text[-1:] if HALF.fullmatch(text[-1:]) else ""
        self.feed.add(cleaned(text.removesuffix(self._half)))
        now = asyncio.get_running_loop().time()
        self._settling_at = self._settling_at or now
        latest_s = self._settling_at + LONGEST_S - now
        self._after(min(SETTLE_S if self._pieces else ALONE_S, latest_s), self._release)
        self._pieces += 1

    def flush(self) -> int:
        """Speak what is there; the number of the mark that comes when it has been spoken."""
        self._stop_timer()
        self.marks += 1
        self.feed.mark(self.marks)
        self._fed()
        return self.marks

    def finish(self) -> None:
        """No more text comes."""
        self._stop_timer()
        self.feed.finish()
        self._fed()

    def cancel(self, reason: str = "cancel") -> None:
        self._stop_timer()
        self.cancelled.set()
        if self.stream is not None:
            self.stream.cancel(reason)

    async def events(self) -> AsyncGenerator[Sound | FlushMark, None]:
        """What is to be sent. Raises ApiError where the server is full, and what goes wrong."""
        async with self.service.speak(self.work, self.feed) as stream:
            self.stream = stream
            if self.cancelled.is_set():
                stream.cancel("cancel")
            async with contextlib.aclosing(stream.events()) as events:
                async for event in events:
                    yield event

    def _release(self) -> None:
        self._settling_at = 0.0
        if self.feed.release():
            self._fed()
        if self.feed.held:
            self._after(SILENCE_S, self._release_all)

    def _release_all(self) -> None:
        if self.feed.release_all():
            self._fed()

    def _fed(self) -> None:
        if self.stream is not None and self.stream.job is not None:
            self.stream.job.fed()

    def _after(self, seconds: float, work: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, work)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")
