"""Speech as an HTTP response: one file, streamed or whole, or server-sent events."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from vivavoce.serve.encode import MEDIA_TYPES, StreamEncoder
from vivavoce.serve.errors import Cancelled, describe
from vivavoce.serve.job import words_json
from vivavoce.serve.outbox import FlushMark, Sound
from vivavoce.serve.service import Service, Stream

PING_S = 15.0
PIECE_S = 0.5
"""Samples encoded at a time: a whole sentence at once would hold its first half back."""

Headers = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the audio travels: its format, and how it is framed."""

    form: str
    sse: bool = False
    stream: bool = True
    timestamps: bool = False

    @property
    def media_type(self) -> str:
        return "text/event-stream" if self.sse else MEDIA_TYPES[self.form]


@dataclass(kw_only=True)
class SpeechResponse:
    """An ASGI response. Nothing is sent before the first audio is there: until then, what goes
    wrong is raised. After that a failure ends the connection without the last chunk.
    """

    service: Service
    stream: Stream
    encoder: StreamEncoder
    shape: Shape
    headers: Headers
    request_id: str

    async def send_all(self, receive: Receive, send: Send) -> bool:
        """Whether all of it was sent."""
        watching = asyncio.create_task(self._watch(receive))
        try:
            parts = self._parts()
            first = await anext(parts, b"")
            if not self.shape.stream and not self.shape.sse:
                return await self._send_whole([first] + [part async for part in parts], send)
            await self._start(send, {})
            await self._send(send, first, True)
            try:
                async for part in parts:
                    await self._send(send, part, True)
            except Exception as error:  # noqa: BLE001 - told to the client, or raised again
                return await self._broken(error, send)
            await self._send(send, b"", False)
            return True
        except Cancelled:
            return False
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _broken(self, error: Exception, send: Send) -> bool:
        """After the first byte: events say so, a file just ends where no file ends."""
        if isinstance(error, (Cancelled, TimeoutError)):
            return False
        if not self.shape.sse:
            raise error
        told = describe(error, self.request_id)
        await self._send(send, sse({"type": "error"} | told.body()), False)
        return False

    async def _send_whole(self, parts: list[bytes], send: Send) -> bool:
        data = b"".join(parts)
        await self._start(send, {"content-length": str(len(data))})
        await self._send(send, data, False)
        return True

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.stream.cancel("disconnected")

    async def _parts(self) -> AsyncIterator[bytes]:
        """The body, in the pieces that are worth sending."""
        inner = self._events() if self.shape.sse else self._file()
        async for part in inner:
            if part:
                yield part

    async def _file(self) -> AsyncIterator[bytes]:
        async for event in self.stream.events():
            if isinstance(event, Sound):
                for sound in pieces(event, self.stream.rate):
                    yield await self.service.encoded(self.encoder, sound)
        yield await self.service.encoded(self.encoder, None)

    async def _events(self) -> AsyncIterator[bytes]:
        events = pinged(self.stream.events())
        async for event in events:
            if event is None:
                yield b": ping\n\n"
            elif isinstance(event, Sound):
                for sound in pieces(event, self.stream.rate):
                    yield delta(await self.service.encoded(self.encoder, sound))
                if self.shape.timestamps and event.words:
                    yield sse({"type": "speech.audio.words", "words": words_json(event.words)})
        yield delta(await self.service.encoded(self.encoder, None))
        read, made = self.stream.input_tokens, self.stream.output_frames
        usage = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
        yield sse({"type": "speech.audio.done", "usage": usage})

    async def _start(self, send: Send, more: Headers) -> None:
        headers = self.headers | {"content-type": self.shape.media_type} | more
        raw = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})

    async def _send(self, send: Send, body: bytes, more: bool) -> None:
        """A reader that takes nothing for too long is given up: raises TimeoutError."""
        message = {"type": "http.response.body", "body": body, "more_body": more}
        try:
            await asyncio.wait_for(send(message), self.service.config.limits.write_s)
        except TimeoutError:
            self.stream.cancel("slow_reader")
            raise


def pieces(sound: Sound, rate: int) -> list[Sound]:
    size = max(1, round(PIECE_S * rate))
    n_samples = len(sound.samples)
    return [Sound(sound.samples[i : i + size]) for i in range(0, n_samples, size)]


def sse(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def delta(data: bytes) -> bytes:
    if not data:
        return b""
    return sse({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})


async def pinged(
    events: AsyncIterator[Sound | FlushMark],
) -> AsyncIterator[Sound | FlushMark | None]:
    """The events, and None whenever none has come for a while."""
    waiting = asyncio.ensure_future(anext(events, None))
    begun = False
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=PING_S)
            if not done:
                if begun:
                    yield None
                continue
            event = waiting.result()
            if event is None:
                return
            begun = True
            yield event
            waiting = asyncio.ensure_future(anext(events, None))
    finally:
        waiting.cancel()


def file_headers(form: str) -> Headers:
    return {
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "content-disposition": f'inline; filename="speech.{form}"',
    }


async def send_json(send: Send, scope: Scope, status: int, value: object, headers: Headers) -> None:
    """A small answer."""
    data = json.dumps(value).encode()
    head = {"content-type": "application/json", "content-length": str(len(data))} | headers
    raw = [(key.lower().encode(), text.encode("latin-1")) for key, text in head.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    body = b"" if scope["method"] == "HEAD" else data
    await send({"type": "http.response.body", "body": body})
