"""Deepgram's WebSocket, `GET /v1/speak`, for clients that were written for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import Any

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

import vivavoce
from vivavoce.serve.ask import read_work
from vivavoce.serve.caller import caller_of
from vivavoce.serve.encode import Converter
from vivavoce.serve.errors import ApiError, Cancelled, describe, invalid
from vivavoce.serve.fields import Fields, parse_object, whole_number
from vivavoce.serve.job import Work
from vivavoce.serve.outbox import Sound
from vivavoce.serve.service import Service
from vivavoce.serve.telephony import ENCODINGS
from vivavoce.serve.turn import Turn

FRAME_S = 0.1
TEXTS = 64
"""Texts, each up to its `Flush`, that may wait at once."""


class Deepgram:
    """One connection. Text up to a `Flush` is one turn, spoken as a text of its own."""

    def __init__(self, service: Service, websocket: WebSocket) -> None:
        self.service, self.websocket = service, websocket
        self.request_id = caller_of(websocket.scope).request_id
        self.open: Turn | None = None
        self.queue: deque[Turn | None] = deque()  # None: a `Flush` without a text of its own
        self.more = asyncio.Event()
        self.sequence = 0
        self.leaving = False

    async def serve(self) -> None:
        """Until the client leaves. Raises ApiError for a query that makes no sense."""
        self.encode, self.rate, self.work = self._read_query()
        await self.websocket.accept()
        voice = self.work.voice
        await self._tell(
            "Metadata",
            request_id=self.request_id,
            model_name=voice.id,
            model_version=vivavoce.__version__,
        )
        speaking = asyncio.create_task(self._speak())
        try:
            await self._read()
            await speaking  # what was asked for before `Close` is still spoken
            await self.websocket.close(1000)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._clear("disconnected")
            speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect):
                await speaking

    def _read_query(self) -> tuple[Any, int, Work]:
        query = self.websocket.query_params
        encoding = query.get("encoding", "linear16")
        if encoding not in ENCODINGS:
            known = ", ".join(ENCODINGS)
            message = f"'encoding' is {encoding[:40]!r}. Known: {known}."
            raise invalid("unsupported_value", message, "encoding")
        if query.get("container", "none") != "none":
            raise invalid("unsupported_value", "'container' must be none.", "container")
        default = "24000" if encoding == "linear16" else "8000"
        rate = whole_number(query.get("sample_rate", default))
        if not 8000 <= rate <= 48_000:
            raise invalid("invalid_value", "'sample_rate' is not from 8000 to 48000.")
        name = query.get("model", "default")
        table = self.service.table
        by_model = name in table.models or name in table.aliases
        fields = Fields({"model" if by_model else "voice": name})
        key = caller_of(self.websocket.scope).key
        return ENCODINGS[encoding], rate, read_work(fields, self.service, key, "deepgram")

    async def _read(self) -> None:
        limit = self.service.config.limits.idle_socket_s
        while not self.leaving:
            try:
                message = await asyncio.wait_for(self.websocket.receive(), limit)
            except TimeoutError:
                self.leaving = True
                break
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            try:
                await self._heed(Fields(parse_object(message.get("text") or "")))
            except ApiError as error:
                await self._tell("Warning", description=error.message, code=error.code)
        self._end_turn()
        self.more.set()

    async def _heed(self, fields: Fields) -> None:
        kind = fields.text("type")
        if kind == "Speak":
            self._require_room(len(fields.text("text")))
            if self.open is None:
                self.open = Turn("speak", self.work, self.service)
                self._put(self.open)
            self.open.add(fields.text("text"))
        elif kind == "Flush":
            if self.open is None:
                self._require_room(0)
                self._put(None)
            self._end_turn()
        elif kind == "Clear":
            self._clear("cancel")
            await self._tell("Cleared", sequence_id=self._next())
        elif kind == "Close":
            self.leaving = True
        else:
            raise invalid("invalid_value", f"There is no message of type {kind[:40]!r}.", "type")

    def _require_room(self, more: int) -> None:
        """Raises ApiError where too much waits to be spoken."""
        limits = self.service.config.limits
        waiting = sum(len(turn.feed.text) for turn in self.queue if turn is not None)
        if waiting + more > limits.characters or len(self.queue) >= TEXTS:
            raise invalid("string_above_max_length", "Too much text is waiting.", "text")

    def _put(self, turn: Turn | None) -> None:
        self.queue.append(turn)
        self.more.set()

    def _next(self) -> int:
        self.sequence += 1
        return self.sequence - 1

    def _end_turn(self) -> None:
        if self.open is not None:
            self.open.finish()
            self.open = None

    def _clear(self, reason: str) -> None:
        for turn in self.queue:
            if turn is not None:
                turn.cancel(reason)
        while len(self.queue) > 1:  # the first one is being spoken
            self.queue.pop()
        self.open = None

    async def _speak(self) -> None:
        while True:
            while self.queue:
                turn = self.queue[0]
                try:
                    if turn is not None:
                        await self._speak_turn(turn)
                    await self._tell("Flushed", sequence_id=self._next())
                except Cancelled:
                    pass
                except WebSocketDisconnect:
                    return
                except Exception as error:  # noqa: BLE001 - ends this turn alone
                    told = describe(error, self.request_id)
                    await self._tell("Error", description=told.message, code=told.code)
                    if self.open is turn:
                        self.open = None
                finally:
                    self.queue.popleft()
            if self.leaving:
                return
            self.more.clear()
            await self.more.wait()

    async def _speak_turn(self, turn: Turn) -> None:
        if turn.cancelled.is_set():
            raise Cancelled("The turn was cancelled.")
        rate = self.service.table.models[turn.work.model].sample_rate
        converter = Converter(rate, self.rate)
        async with contextlib.aclosing(turn.events()) as events:
            async for event in events:
                if isinstance(event, Sound):
                    await self._send(turn, converter.feed(event.samples))
        await self._send(turn, converter.finish())

    async def _send(self, turn: Turn, samples: np.ndarray) -> None:
        step = round(FRAME_S * self.rate)
        for start in range(0, len(samples), step):
            if turn.cancelled.is_set():
                raise Cancelled("The turn was cancelled.")
            data = self.encode(samples[start : start + step])
            await self._out(self.websocket.send_bytes(data))

    async def _tell(self, kind: str, **facts: object) -> None:
        await self._out(self.websocket.send_text(json.dumps({"type": kind} | facts)))

    async def _out(self, sending: Any) -> None:
        try:
            await asyncio.wait_for(sending, self.service.config.limits.write_s)
        except (TimeoutError, RuntimeError) as error:
            raise WebSocketDisconnect(1006) from error
