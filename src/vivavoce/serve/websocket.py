"""Our WebSocket, `GET /v1/audio/speech/stream`: text in pieces in, audio out, turn by turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import deque
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from vivavoce.serve.ask import read_rate, read_work
from vivavoce.serve.caller import caller_of
from vivavoce.serve.encode import MEDIA_TYPES, open_encoder
from vivavoce.serve.errors import ApiError, Cancelled, describe, invalid
from vivavoce.serve.fields import Fields, parse_object
from vivavoce.serve.job import words_json
from vivavoce.serve.outbox import FlushMark, Sound
from vivavoce.serve.service import Service
from vivavoce.serve.turn import Turn

PROTOCOL = "vivavoce.v1"
FRAME_S = 0.1
NAME = 64
PIECES = 1000
"""Pieces of text and flushes of one turn that may wait at once."""


class Asked:
    """A turn and how its audio travels."""

    failed: ApiError | None = None  # a message of it made no sense

    def __init__(self, turn: Turn, form: str, rate: int, timestamps: bool) -> None:
        self.turn, self.form, self.rate, self.timestamps = turn, form, rate, timestamps


class Socket:
    """One connection. A task sends the turns' audio in order; messages are read beside it."""

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        self.service, self.websocket = service, websocket
        self.request_id = caller_of(websocket.scope).request_id
        self.key = caller_of(websocket.scope).key
        self.turns: dict[str, Asked] = {}
        self.queue: deque[Asked] = deque()
        self.more = asyncio.Event()

    async def serve(self) -> None:
        """Until the client leaves, or says nothing for too long."""
        await self.websocket.accept(subprotocol=offered(self.websocket))
        models = list(self.service.table.models)
        await self._tell("ready", None, session=secrets.token_hex(8), models=models)
        speaking = asyncio.create_task(self._speak())
        try:
            await self._read()
        except WebSocketDisconnect:
            pass
        finally:
            for asked in self.turns.values():
                asked.turn.cancel("disconnected")
            speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect):
                await speaking

    async def _read(self) -> None:
        while True:
            try:
                message = await self._next_message()
            except TimeoutError:
                if self.turns:
                    continue
                await self.websocket.close(1000)
                return
            try:
                await self._heed(message)
            except ApiError as error:
                await self._fail(None, error)

    async def _next_message(self) -> str | None:
        limit = self.service.config.limits.idle_socket_s
        message = await asyncio.wait_for(self.websocket.receive(), limit)
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return message.get("text")

    async def _heed(self, message: str | None) -> None:
        """Do what a message asks. Raises ApiError for one that makes no sense."""
        if message is None:
            raise invalid("invalid_type", "Client messages must be JSON text.")
        fields = Fields(parse_object(message))
        kind = fields.text("type")
        if kind == "ping":
            await self._tell("pong", None)
            return
        name = fields.text("id", "", NAME)
        if kind == "start":
            try:
                self._start(name, fields)
            except ApiError as error:
                await self._fail(name, error)
            return
        asked = self.turns.get(name)
        if kind not in ("text", "flush", "end", "cancel"):
            raise invalid("invalid_value", f"There is no message of type {kind[:40]!r}.", "type")
        if asked is None:
            if kind == "cancel":  # the turn ended while this message was on its way
                return
            raise invalid("invalid_value", f"No turn is called {name!r}.", "id")
        if kind == "cancel":
            await self._cancel(asked)
            return
        try:
            self._continue(kind, asked.turn, fields)
        except ApiError as error:  # with a part of its text missing it must not be spoken
            asked.failed = error
            await self._cancel(asked)

    async def _cancel(self, asked: Asked) -> None:
        """End a turn: what it holds is free at once, whether it is spoken or waits."""
        del self.turns[asked.turn.name]
        asked.turn.cancel()
        if asked in self.queue:
            self.queue.remove(asked)
            await self._cancelled(asked)

    def _continue(self, kind: str, turn: Turn, fields: Fields) -> None:
        if kind != "end" and turn.feed.finished:
            raise invalid("invalid_value", "The turn has ended: nothing can be added.", "type")
        if kind == "text":
            text = fields.text("text")
            if len(turn.feed.text) + len(text) > self.service.config.limits.characters:
                raise invalid("string_above_max_length", "The text is too long.", "text")
            turn.add(text)
        elif kind == "flush":
            if turn.feed.waiting >= PIECES:
                raise invalid("invalid_value", "Too much is waiting to be spoken.", "type")
            turn.flush()
        else:
            turn.finish()

    def _start(self, name: str, fields: Fields) -> None:
        if not name:
            raise invalid("missing_required_parameter", "'id' is required.", "id")
        if name in self.turns:
            raise invalid("invalid_value", f"A turn {name!r} already exists.", "id")
        if len(self.turns) >= self.service.config.limits.turns:
            raise invalid("invalid_value", "Too many turns are waiting.", "id")
        form = fields.choice("format", tuple(MEDIA_TYPES), "pcm")
        work = read_work(fields, self.service, self.key, "websocket")
        turn = Turn(name, work, self.service)
        asked = Asked(turn, form, read_rate(fields, form), fields.flag("timestamps"))
        self.turns[name] = asked
        self.queue.append(asked)
        self.more.set()

    async def _speak(self) -> None:
        """The turns, one after the other."""
        while True:
            while self.queue:
                asked = self.queue.popleft()
                try:
                    await self._speak_turn(asked)
                except Cancelled:
                    await self._cancelled(asked)
                except WebSocketDisconnect:
                    return
                except Exception as error:  # noqa: BLE001 - ends this turn alone
                    await self._fail(asked.turn.name, describe(error, self.request_id))
                finally:
                    if self.turns.get(asked.turn.name) is asked:
                        del self.turns[asked.turn.name]
            self.more.clear()
            await self.more.wait()

    async def _speak_turn(self, asked: Asked) -> None:
        turn = asked.turn
        if turn.cancelled.is_set():
            raise Cancelled("The turn was cancelled.")
        model = self.service.table.models[turn.work.model]
        encoder = open_encoder(asked.form, model.sample_rate, asked.rate)
        facts = {"format": asked.form, "sample_rate": encoder.rate, "channels": 1}
        begun = False
        async with contextlib.aclosing(turn.events()) as events:
            async for event in events:
                if isinstance(event, FlushMark):
                    await self._tell("flushed", turn.name)
                    continue
                if not begun:
                    await self._tell("audio.start", turn.name, **facts)
                    begun = True
                await self._send_sound(asked, event, encoder)
        if not begun:
            await self._tell("audio.start", turn.name, **facts)
        await self._send_bytes(asked, await self.service.encoded(encoder, None), encoder.rate)
        await self._done(asked, model.sample_rate, model.times_words)

    async def _send_sound(self, asked: Asked, sound: Sound, encoder: Any) -> None:
        turn = asked.turn
        rate = self.service.table.models[turn.work.model].sample_rate
        step = max(1, round(FRAME_S * rate))
        for start in range(0, len(sound.samples), step):
            if turn.cancelled.is_set():
                raise Cancelled("The turn was cancelled.")
            part = Sound(sound.samples[start : start + step])
            data = await self.service.encoded(encoder, part)
            await self._send_bytes(asked, data, encoder.rate)
            turn.samples += len(part.samples)
        if asked.timestamps and sound.words:
            await self._tell("words", turn.name, words=words_json(sound.words))

    async def _send_bytes(self, asked: Asked, data: bytes, rate: int) -> None:
        """In frames of at most 100 ms where the format has no frames of its own."""
        if asked.turn.cancelled.is_set():
            raise Cancelled("The turn was cancelled.")
        size = 2 * round(FRAME_S * rate)
        for start in range(0, len(data), size):
            await self._send(self.websocket.send_bytes(data[start : start + size]))

    async def _done(self, asked: Asked, rate: int, times_words: bool) -> None:
        turn = asked.turn
        if turn.cancelled.is_set():
            raise Cancelled("The turn was cancelled.")
        del self.turns[turn.name]  # from here on nothing can be said to it
        stream = turn.stream
        warnings = list(stream.warnings) if stream else []
        await self._tell(
            "done",
            turn.name,
            seconds=round(turn.samples / rate, 6),
            samples=round(turn.samples * asked.rate / rate),
            seed=turn.work.seed,
            timestamps=asked.timestamps and times_words,
            warnings=warnings,
        )

    async def _tell(self, kind: str, name: str | None, **facts: object) -> None:
        message = {"type": kind} | ({"id": name} if name is not None else {}) | facts
        await self._send(self.websocket.send_text(json.dumps(message)))

    async def _cancelled(self, asked: Asked) -> None:
        if asked.failed is not None:
            await self._fail(asked.turn.name, asked.failed)
        else:
            await self._tell("cancelled", asked.turn.name, samples=asked.turn.samples)

    async def _fail(self, name: str | None, error: ApiError) -> None:
        await self._tell("error", name or None, **error.body())

    async def _send(self, sending: Any) -> None:
        try:
            await asyncio.wait_for(sending, self.service.config.limits.write_s)
        except (TimeoutError, RuntimeError) as error:  # starlette: the socket is closed
            raise WebSocketDisconnect(1006) from error


def offered(websocket: WebSocket) -> str | None:
    """The subprotocol to agree to; one that carries a key is never repeated."""
    return PROTOCOL if PROTOCOL in websocket.scope.get("subprotocols", ()) else None
