"""The Wyoming protocol over TCP, as Home Assistant speaks it: whole texts and streamed ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

import vivavoce
from vivavoce.audio.encode import to_int16
from vivavoce.serve.ask import read_work, spoken_text
from vivavoce.serve.errors import ApiError, Cancelled, describe
from vivavoce.serve.fields import Fields
from vivavoce.serve.job import Work
from vivavoce.serve.outbox import Sound
from vivavoce.serve.service import Service
from vivavoce.serve.turn import Turn
from vivavoce.serve.wire import LINE, Garbage, WyomingEvent, read_event

log = logging.getLogger("vivavoce.serve")
CONNECTIONS = 64
LINGER_S = 2.0
CHUNK = 2048
"""Samples of a message at most."""
ATTRIBUTION = {"name": "vivavoce", "url": "https://pypi.org/project/vivavoce/"}


class Wyoming:
    """The TCP server of one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.server: asyncio.Server | None = None
        self.sessions: dict[asyncio.Task[None], WyomingSession] = {}

    async def start(self, host: str, port: int) -> int:
        """Listen; the port (another one where 0 was asked for)."""
        self.server = await asyncio.start_server(self._serve, host, port, limit=LINE)
        return self.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more connections, end those that are silent."""
        if self.server is not None:
            self.server.close()
        for task, session in self.sessions.items():
            if session.turn is None:
                task.cancel()

    async def stop(self) -> None:
        """End every connection."""
        self.close()
        for task in list(self.sessions):
            task.cancel()
        await asyncio.gather(*self.sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - streams call this in a task
        session = WyomingSession(self.service, reader, writer)
        try:
            if len(self.sessions) < CONNECTIONS:
                self.sessions[task] = session
                await session.serve()
        except (Garbage, ConnectionError, asyncio.CancelledError, TimeoutError):
            pass
        except Exception:
            log.exception("a Wyoming connection failed")
        finally:
            self.sessions.pop(task, None)
            session.leave()
            writer.close()


class WyomingSession:
    """One connection: at most one text is spoken at a time."""

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.service, self.reader, self.writer = service, reader, writer
        self.address = str((writer.get_extra_info("peername") or ("",))[0])
        self.turn: Turn | None = None
        self.speaking: asyncio.Task[None] | None = None
        self.streaming = False  # between `synthesize-start` and `synthesize-stop`
        self.voice: Mapping[str, Any] = {}

    async def serve(self) -> None:
        """Until the client leaves. Raises Garbage, ConnectionError."""
        limit = self.service.config.limits.idle_socket_s
        while True:
            event = await asyncio.wait_for(read_event(self.reader), limit)
            if event is None:
                return
            try:
                if await self._heed(event):
                    continue
            except ApiError as error:
                await self._fail(error)
            await self._hang_up()
            return

    async def _hang_up(self) -> None:
        """End our side. What the client is still sending is read for a moment: closing on it
        would be a reset, which can overtake the error we sent.
        """
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(LINGER_S):
                while await self.reader.read(LINE):
                    continue

    def leave(self) -> None:
        """The connection is over."""
        if self.turn is not None:
            self.turn.cancel("disconnected")
        if self.speaking is not None:
            self.speaking.cancel()

    async def _heed(self, event: WyomingEvent) -> bool:
        """Whether the connection goes on."""
        if event.type == "describe":
            await self._send("info", info(self.service))
        elif event.type == "ping":
            await self._send("pong", {"text": event.data.get("text")})
        elif event.type == "synthesize":
            return await self._whole(event)
        elif event.type == "synthesize-start":
            await self._finish()
            self.streaming, self.voice = True, _voice(event)
            self.turn = self._turn(self.voice)
            self.speaking = asyncio.create_task(self._speak(self.turn))
        elif event.type == "synthesize-chunk" and self.turn is not None:
            self._add(self.turn, event.text("text"))
        elif event.type == "synthesize-stop" and self.streaming:
            return await self._stop()
        return True

    async def _whole(self, event: WyomingEvent) -> bool:
        """One text. Within a stream it is Home Assistant's second copy of the text: spoken only
        if the stream brought none.
        """
        if self.streaming and self.turn is not None:
            if not self.turn.feed.text.strip():
                self._add(self.turn, event.text("text"))
            return True
        spoken_text(event.text("text"), "text")
        self.turn = self._turn(_voice(event))
        self._add(self.turn, event.text("text"))
        self.turn.finish()
        self.speaking = asyncio.create_task(self._speak(self.turn))
        return await self._finish()

    async def _stop(self) -> bool:
        self.streaming = False
        if self.turn is not None:
            self.turn.finish()
        spoken = await self._finish()
        if spoken:
            await self._send("synthesize-stopped", {})
        return spoken

    async def _finish(self) -> bool:
        """Wait for what is being spoken; whether it went well. A client that leaves ends it."""
        begin, status = time.monotonic(), 200
        try:
            return await self._finished()
        except ApiError as error:
            status = error.status
            raise
        finally:
            self.service.metrics.answered("wyoming", status, time.monotonic() - begin)

    async def _finished(self) -> bool:
        speaking, turn = self.speaking, self.turn
        if speaking is None or turn is None:
            return True
        turn.finish()
        gone = asyncio.create_task(self._gone())
        await asyncio.wait({speaking, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not speaking.done():
            turn.cancel("disconnected")
        gone.cancel()
        self.speaking = self.turn = None
        await speaking
        return not turn.cancelled.is_set()

    async def _gone(self) -> None:
        """Returns when the client has closed. What it sends meanwhile stays unread."""
        while not self.reader.at_eof():
            await asyncio.sleep(0.1)

    def _turn(self, voice: Mapping[str, Any]) -> Turn:
        return Turn("wyoming", self._work(voice), self.service)

    def _work(self, voice: Mapping[str, Any]) -> Work:
        """By the voice's name, else by its language, else the default one. Raises ApiError."""
        name, language = voice.get("name"), voice.get("language")
        if not name and isinstance(language, str):
            table = self.service.table
            wanted = language.lower().replace("_", "-").partition("-")[0]
            name = next(
                (
                    row.id
                    for row in table.voices.values()
                    if any(tag.partition("-")[0] == wanted for tag in table.languages(row))
                ),
                None,
            )
        fields = Fields({"voice": name or None})
        return read_work(fields, self.service, self.address, "wyoming")

    def _add(self, turn: Turn, text: str) -> None:
        longest = self.service.config.limits.characters
        Fields({"text": turn.feed.text + text}).text("text", "", longest)
        turn.add(text)

    async def _speak(self, turn: Turn) -> None:
        """Send the audio of a turn. Raises ApiError."""
        rate = self.service.table.models[turn.work.model].sample_rate
        facts = {"rate": rate, "width": 2, "channels": 1}
        sent = 0
        try:
            async with contextlib.aclosing(turn.events()) as events:
                async for event in events:
                    if not isinstance(event, Sound):
                        continue
                    for start in range(0, len(event.samples), CHUNK):
                        if not sent:
                            await self._send("audio-start", facts | {"timestamp": 0})
                        part = event.samples[start : start + CHUNK]
                        at = {"timestamp": round(1000 * sent / rate)}
                        data = to_int16(part).astype("<i2").tobytes()
                        await self._send("audio-chunk", facts | at, data)
                        sent += len(part)
        except Cancelled:
            return
        except ConnectionError:
            turn.cancel("disconnected")
            return
        except Exception as error:
            raise describe(error, "wyoming") from error
        await self._send("audio-stop", {"timestamp": round(1000 * sent / rate)})

    async def _fail(self, error: ApiError) -> None:
        """Home Assistant ignores errors but sees the connection end."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self._send("error", {"text": error.message, "code": error.code})

    async def _send(self, kind: str, data: Mapping[str, Any], payload: bytes = b"") -> None:
        self.writer.write(WyomingEvent(kind, data, payload).encoded())
        await asyncio.wait_for(self.writer.drain(), self.service.config.limits.write_s)


def _voice(event: WyomingEvent) -> Mapping[str, Any]:
    voice = event.data.get("voice")
    return voice if isinstance(voice, dict) else {}


def info(service: Service) -> dict[str, Any]:
    """What Home Assistant asks for first: the program and its voices, all of them here."""
    voices = [
        {
            "name": row.id,
            "attribution": ATTRIBUTION,
            "installed": True,
            "description": row.name,
            "version": vivavoce.__version__,
            "languages": list(service.table.languages(row)),
            "speakers": None,
        }
        for row in service.table.voices.values()
    ]
    program = {
        "name": "vivavoce",
        "attribution": ATTRIBUTION,
        "installed": True,
        "description": "Text to speech on your own machine",
        "version": vivavoce.__version__,
        "voices": voices,
        "supports_synthesize_streaming": True,
    }
    none = ("asr", "handle", "intent", "wake", "mic", "snd")
    return {"tts": [program]} | {kind: [] for kind in none}
