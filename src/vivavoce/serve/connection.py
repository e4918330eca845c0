"""One TCP connection: how many there may be, how large a head is, how long one may be silent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from vivavoce.serve.config import RequestLimits

HEAD_LINES, HEAD_BYTES = 128, 64 << 10
"""Of the request line and the headers: each line costs the event loop some microseconds."""
FRAGMENTS = 256
"""Pieces of one WebSocket message; empty ones have no size that could be limited."""
ENOUGH_S = 1.0
"""Seconds after `write_s` for whoever writes to notice by itself that nothing is read."""

LINGER_S = 1.0


def _canned(status: str, kind: str, code: str, message: str, more: str = "") -> bytes:
    """A whole answer in OpenAI's shape, for what never becomes a request."""
    error = f'"message":"{message}","type":"{kind}","param":null,"code":"{code}"'
    body = f'{{"error":{{{error}}}}}'
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}Connection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


INVALID = "invalid_request_error"
REFUSAL = _canned(
    *("503 Service Unavailable", "server_error", "overloaded"),
    "There are too many connections.",
    "Retry-After: 1\r\n",
)
TOO_LARGE = _canned(
    *("431 Request Header Fields Too Large", INVALID, "request_too_large"),
    "The head of the request is too large.",
)
MALFORMED = _canned("400 Bad Request", INVALID, "invalid_value", "This is not an HTTP request.")


class Connections:
    """Those of one server. A WebSocket is counted on, from its first request to its end.

    `refusal` gets the beginning of a request and its address, and gives the whole answer, or None
    where the request has to be read.
    """

    def __init__(
        self, limits: RequestLimits, refusal: Callable[[bytes, str], bytes | None]
    ) -> None:
        self.limits, self.refusal = limits, refusal
        self._addresses: Counter[str] = Counter()

    def opened(self, address: str) -> bool:
        """Count one more; whether that is still within the limits."""
        self._addresses[address] += 1
        many = self._addresses.total() > self.limits.connections
        return not many and self._addresses[address] <= self.limits.connections_per_address

    def closed(self, address: str) -> None:
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]

    def protocols(self) -> tuple[type[H11Protocol], type[WebSocketsSansIOProtocol]]:
        """Two of uvicorn's: one of the first for each connection, the second once upgraded."""
        connections = self

        class Http(HttpConnection):
            counted = connections

        class Ws(WsConnection):
            counted = connections

        return Http, Ws


class Unread(asyncio.Protocol):
    """Ends a connection whose other end reads nothing for too long."""

    counted: Connections
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        wait_s = self.counted.limits.write_s + ENOUGH_S
        self._unread = self.loop.call_later(wait_s, self.transport.abort)

    def resume_writing(self) -> None:
        _stop(self._unread)
        super().resume_writing()


class HttpConnection(Unread, H11Protocol):
    """Closed when a head does not come to its end in time, or nothing is read any more."""

    _silence: asyncio.TimerHandle | None = None
    _address = ""
    _head_lines = _head_bytes = 0
    _over = False
    _before = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self.counted.opened(self._address):
            self._watch_silence()
        else:
            self._refuse(REFUSAL)

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._silence, self._unread)
        self.counted.closed(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over or self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            answer = self.counted.refusal(data, self._address) if not self._before else None
            if answer is None and self._is_too_large(data):
                answer = TOO_LARGE
            if answer is not None:
                self._refuse(answer)
                return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._before, self._head_lines, self._head_bytes = b"", 0, 0
        self._watch_silence()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP. uvicorn would answer in plain text."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(MALFORMED)
        else:
            self.transport.close()

    def _refuse(self, answer: bytes) -> None:
        """End our side, and read for a moment what is still sent: closing on it would be a reset,
        which can overtake the answer.
        """
        self._over = True
        self.transport.write(answer)
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _is_too_large(self, data: bytes) -> bool:
        """Counted before it is parsed, because parsing is what takes the time."""
        seen = self._before + data
        end = seen.find(b"\r\n\r\n")
        head = seen if end < 0 else seen[: end + 2]
        self._head_lines += head.count(b"\n") - self._before.count(b"\n")
        self._head_bytes += len(head) - len(self._before)
        large = self._head_lines > HEAD_LINES or self._head_bytes > HEAD_BYTES
        self._before = seen[-3:]
        return large

    def _watch_silence(self) -> None:
        """While a head is awaited, or the rest of a body that was answered without it."""
        waits = self.conn.their_state is h11.IDLE or (
            self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE
        )
        if not waits:
            _stop(self._silence)
            self._silence = None
        elif self._silence is None:
            self._silence = self.loop.call_later(self.counted.limits.head_s, self.transport.close)


class WsConnection(Unread, WebSocketsSansIOProtocol):
    """A WebSocket; it takes the place of an `HttpConnection`, and its count."""

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._unread)
        self.counted.closed(self.client[0] if self.client else "")
        super().connection_lost(exc)

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > FRAGMENTS:
            self.conn.fail(1009, "too many fragments")
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Who does not read gets no pongs either: they would pile up."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()


def _stop(*timers: asyncio.TimerHandle | None) -> None:
    for timer in timers:
        if timer is not None:
            timer.cancel()
